"""Anthropic's own endpoint, the Messages API."""

from typing import ClassVar, Literal

from typing_extensions import override

from stages.ask import Capability
from stages.engines.base import Engine
from stages.engines.http import anthropic_messages
from stages.engines.http.endpoint_spec import EndpointSpec
from stages.engines.http.http_engine import HttpEngine


class Anthropic(EndpointSpec):
    """It draws one sample a call, and takes no seed: another run has other replies."""

    provides: ClassVar[frozenset[Capability]] = frozenset({"chat", "schema", "prefill"})
    identity_fields: ClassVar[tuple[str, ...]] = ("kind", "model", "own_sampling")

    kind: Literal["anthropic"] = "anthropic"
    base_url: str = "https://api.anthropic.com/v1"
    own_sampling: bool = False
    """For models that take no temperature: those of stages are not sent, nor their `top_p`."""

    @override
    def headers(self) -> dict[str, str]:
        key = self.api_key()
        return {"anthropic-version": "2023-06-01", **({"x-api-key": key} if key else {})}

    @override
    def open(self) -> Engine:
        return HttpEngine(self, anthropic_messages.Messages(own_sampling=self.own_sampling))
