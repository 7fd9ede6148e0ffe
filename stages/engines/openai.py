"""Any OpenAI-compatible server: chat and raw completions over HTTP.

Concurrency that adapts, limits per minute, a deadline and a size for every call, capped retries
with jitter that obey Retry-After, and errors classified by what to do about them. The key is
read from the environment variable that `api_key_env` names or the file `api_key_file`, and
stands nowhere else. With `command` the server is started, watched and stopped too.
"""

import shutil
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from stages.ask import Capability, Reply, Request
from stages.engines.base import Answer, Engine, EngineSpec, as_finished
from stages.engines.http import http_call, openai_messages
from stages.engines.http.adaptive_limiter import AdaptiveLimiter
from stages.engines.http.http_call import Endpoint, RetryableError
from stages.engines.http.keys import Keyed
from stages.engines.http.openai_messages import NoReplyError
from stages.engines.process.server import PORT, Server
from stages.errors import EngineError, UserError


class Openai(Keyed, EngineSpec):
    """`base_url` ends before `/chat/completions`, usually in `/v1`."""

    provides: ClassVar[frozenset[Capability]] = frozenset(
        {"chat", "raw", "schema", "logprobs", "samples", "prefill"}
    )

    kind: Literal["openai"] = "openai"
    base_url: str
    command: tuple[str, ...] = ()
    """Starts the server, `{port}` standing for a free port here and in `base_url`."""
    start_s: float = Field(600.0, gt=0)
    """Until a server that is started must answer."""
    answers_as: str | None = None
    """The model's name in the server's answers, where it is another than `model`."""
    max_concurrency: int = Field(64, gt=0)
    """Calls open at once at most; fewer while the server says that it is too much."""
    requests_per_minute: int | None = Field(None, gt=0)
    tokens_per_minute: int | None = Field(None, gt=0)
    timeout_s: float = Field(600.0, gt=0)
    max_retries: int = Field(5, ge=0)

    @property
    @override
    def capacity(self) -> int:
        return self.max_concurrency

    @model_validator(mode="after")
    def _one_port(self) -> Self:
        stands = PORT in self.base_url, any(PORT in part for part in self.command)
        if stands[0] != stands[1]:
            raise ValueError(f"{PORT} must stand in both base_url and command, or in neither")
        return self

    @override
    def check(self) -> None:
        if self.command:
            if shutil.which(self.command[0]) is None:
                cause = f"there is no command '{self.command[0]}' to start the server"
                raise UserError(cause, "Install it, or give its path in `command`.")
            self.api_key()
            return
        try:
            status = http_call.status(self.base_url, self.headers(), 10.0)
        except ConnectionError as error:
            cause = f"nothing answers at {self.base_url} ({error})"
            raise UserError(cause, "Start the server or correct `base_url`.") from None
        if 300 <= status < 400:
            cause = f"{self.base_url} answers with a redirect (HTTP {status})"
            raise UserError(cause, "Give the address that it leads to as `base_url`.")
        if status in (401, 403):
            cause = f"{self.base_url} refuses the API key (HTTP {status})"
            raise UserError(cause, "Set `api_key_env` to the variable that holds a valid key.")

    @override
    def open(self) -> Engine:
        return OpenaiEngine(self)


class OpenaiEngine:
    """A client with its own connection pool, and its server if it owns one.

    Lives on the event loop that it is made on.
    """

    def __init__(self, spec: Openai) -> None:
        self._spec = spec
        key = spec.api_key()
        self._server = Server(spec.command, spec.base_url, spec.start_s) if spec.command else None
        url = self._server.url if self._server else spec.base_url
        self._endpoint = Endpoint(url, key, spec.timeout_s)
        self.pace = AdaptiveLimiter(
            spec.max_concurrency, spec.requests_per_minute, spec.tokens_per_minute
        )

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        async for answer in as_finished(requests, self._answer):
            yield answer

    async def _answer(self, request: Request) -> Reply:
        path, body = openai_messages.call(request, self._spec.model)

        async def attempt() -> Reply:
            try:
                return await self._try(path, body, request)
            except RetryableError:
                if self._server is not None and self._server.ended:
                    cause = f"the server ended ({self._server.last()})"
                    raise EngineError(cause, fatal=True) from None
                raise

        try:
            return await http_call.with_retries(attempt, self._spec.max_retries)
        except EngineError as error:
            said = self._endpoint.unquoted(str(error))
            raise EngineError(said, retryable=error.retryable, fatal=error.fatal) from None

    async def _try(self, path: str, body: dict[str, Any], request: Request) -> Reply:
        most = openai_messages.most_tokens(request.ask)
        began = await self.pace.take(most)
        try:
            largest = openai_messages.most_bytes(request.ask)
            came = await self._endpoint.post(path, body, largest)
            spec = self._spec
            reply = openai_messages.read_reply(came, request.ask, spec.model, spec.answers_as)
        except NoReplyError as error:
            raise RetryableError(str(error)) from error
        except RetryableError as error:
            if error.too_much:
                self.pace.congested(began)
            if error.wait_s is not None:
                self.pace.hold(error.wait_s)
            raise
        finally:
            self.pace.give_back()
        self.pace.succeeded(most - reply.prompt_tokens - reply.completion_tokens)
        return reply

    async def close(self) -> None:
        """Close the connections; stop the server."""
        await self._endpoint.close()
        if self._server is not None:
            self._server.stop()
