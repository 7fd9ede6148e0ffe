"""Any OpenAI-compatible server: chat and raw completions over HTTP.

Concurrency that adapts, limits per minute, a deadline and a size for every call, capped retries
with jitter that obey Retry-After, and errors classified by what to do about them. The key is
read from the environment variable that `api_key_env` names or the file `api_key_file`, and
stands nowhere else. With `command` the server is started, watched and stopped too.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator
from typing_extensions import override

from stages.ask import Ask, Capability, Given, Reply, Request
from stages.engines.base import Engine
from stages.engines.http import openai_messages, openai_scores
from stages.engines.http.endpoint_spec import EndpointSpec
from stages.engines.http.http_engine import HttpEngine
from stages.engines.http.openai_scores import Scores
from stages.engines.process.server import PORT, Server
from stages.errors import UserError

_OWN = {"model", "messages", "prompt", "temperature", "top_p", "min_p", "max_tokens", "n", "seed",
        "stop", "stop_token_ids", "presence_penalty", "repetition_penalty", "logit_bias",
        "logprobs", "top_logprobs", "response_format", "tools", "stream", "prompt_logprobs",
        "return_token_ids", "continue_final_message", "add_generation_prompt"}  # fmt: skip


class Openai(EndpointSpec):
    """`base_url` ends before `/chat/completions`, usually in `/v1`."""

    provides: ClassVar[frozenset[Capability]] = frozenset(
        {"chat", "raw", "schema", "logprobs", "samples", "prefill", "given", "tools"}
    )

    later_fields: ClassVar[tuple[str, ...]] = ("extra_body",)

    kind: Literal["openai"] = "openai"
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    """What every call says beside what stages set, such as
    `{chat_template_kwargs: {enable_thinking: false}}`; part of the fingerprint."""
    command: tuple[str, ...] = ()
    """Starts the server, `{port}` standing for a free port here and in `base_url`."""
    start_s: float = Field(600.0, gt=0)
    """Until a server that is started must answer."""

    @model_validator(mode="after")
    def _one_port(self) -> Self:
        stands = PORT in self.base_url, any(PORT in part for part in self.command)
        if stands[0] != stands[1]:
            raise ValueError(f"{PORT} must stand in both base_url and command, or in neither")
        return self

    @field_validator("extra_body")
    @classmethod
    def _adds_only(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := sorted(_OWN & extra.keys()):
            raise ValueError(f"{', '.join(taken)} is what stages set: leave it out")
        return extra

    @override
    def check(self) -> None:
        if not self.command:
            super().check()
            return
        if shutil.which(self.command[0]) is None:
            cause = f"there is no command '{self.command[0]}' to start the server"
            raise UserError(cause, "Install it, or give its path in `command`.")
        self.api_key()

    @override
    def open(self) -> Engine:
        return OpenaiEngine(self)


class OpenaiEngine(HttpEngine):
    """With its server, if it owns one."""

    def __init__(self, spec: Openai) -> None:
        self._extra = spec.extra_body
        self._server = Server(spec.command, spec.base_url, spec.start_s) if spec.command else None
        url = self._server.url if self._server else None
        super().__init__(spec, openai_messages, url, self._why)

    def _why(self) -> str:
        if self._server is not None and self._server.ended:
            return f"the server ended ({self._server.last()})"
        return ""

    @override
    async def answer(self, request: Request) -> Reply:
        if not isinstance(request.ask.prompt, Given):
            return await super().answer(request)
        path, ask = "chat/completions", request.ask
        first, second = openai_scores.calls(request.ask.prompt, self.spec.model)
        scores = Scores(request.ask.prompt, self.spec)
        before = await self.insist(path, first, ask, scores.before)
        found = await self.insist(path, second, ask, lambda body: scores.read(body, before.given))
        return replace(
            found,
            prompt_tokens=before.prompt_tokens + found.prompt_tokens,
            completion_tokens=before.completion_tokens + found.completion_tokens,
        )

    @override
    async def insist(
        self, path: str, body: dict[str, Any], ask: Ask, read: Callable[[Any], Reply]
    ) -> Reply:
        return await super().insist(path, self._extra | body, ask, read)

    @override
    async def close(self) -> None:
        await super().close()
        if self._server is not None:
            self._server.stop()
