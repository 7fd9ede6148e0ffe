"""The settings of an engine that is asked over HTTP, call by call."""

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from stages.engines.base import EngineSpec
from stages.engines.http import http_call
from stages.engines.http.keys import Keyed
from stages.errors import UserError


class EndpointSpec(Keyed, EngineSpec):
    """Where it is, and what it bears."""

    refuses_key: ClassVar[tuple[int, ...]] = (401, 403)
    """Statuses by which the endpoint says that it does not know the key."""

    answers_as: str | None = None
    """The model's name in the server's answers, where it is another than `model`."""
    max_concurrency: int = Field(64, gt=0)
    """Calls open at once at most; fewer while the server says that it is too much."""
    requests_per_minute: int | None = Field(None, gt=0)
    tokens_per_minute: int | None = Field(None, gt=0)
    timeout_s: float = Field(600.0, gt=0)
    """Of one call, from its first byte to its last."""
    max_retries: int = Field(5, ge=0)
    """Of one call."""

    @property
    @override
    def capacity(self) -> int:
        return self.max_concurrency

    @override
    def check(self) -> None:
        try:
            status = http_call.status(self.base_url, self.headers(), 10.0)
        except ConnectionError as error:
            cause = f"nothing answers at {self.base_url} ({error})"
            raise UserError(cause, "Start the server or correct `base_url`.") from None
        if 300 <= status < 400:
            cause = f"{self.base_url} answers with a redirect (HTTP {status})"
            raise UserError(cause, "Give the address that it leads to as `base_url`.")
        if status in self.refuses_key:
            cause = f"{self.base_url} refuses the API key (HTTP {status})"
            raise UserError(cause, "Set `api_key_env` to the variable that holds a valid key.")
