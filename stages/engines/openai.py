"""Any OpenAI-compatible server: chat and raw completions over HTTP.

Bounded concurrency, a timeout per call, capped retries with jitter that obey Retry-After, and
errors classified by what to do about them. The key is read from the environment variable that
`api_key_env` names, and stands nowhere else.
"""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import httpx
from pydantic import Field

from stages.ask import Ask, Capability, Chat, Raw, Reply, Request, Sample
from stages.engines.base import Answer, Engine, EngineSpec, as_finished
from stages.errors import EngineError, UserError

_LONGEST_WAIT_S = 60.0


class Openai(EngineSpec):
    """`base_url` ends before `/chat/completions`, usually in `/v1`."""

    can: ClassVar[frozenset[Capability]] = frozenset(
        {"chat", "raw", "schema", "logprobs", "samples"}
    )

    kind: Literal["openai"] = "openai"
    base_url: str
    api_key_env: str | None = None
    """Name of the environment variable that holds the key."""
    max_concurrency: int = Field(32, gt=0)
    timeout_s: float = Field(600.0, gt=0)
    max_retries: int = Field(5, ge=0)

    def api_key(self) -> str:
        """The key, or a placeholder for servers that want none.

        Raises:
            UserError: the environment variable is not set.
        """
        if self.api_key_env is None:
            return "none"
        key = os.environ.get(self.api_key_env)
        if not key:
            cause = f"the environment variable {self.api_key_env} is not set"
            raise UserError(cause, "Export the endpoint's API key under that name.")
        return key

    def check(self) -> None:  # noqa: D102
        headers = {"Authorization": f"Bearer {self.api_key()}"}
        try:
            reply = httpx.get(f"{self.base_url.rstrip('/')}/models", headers=headers, timeout=10)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            cause = f"nothing answers at {self.base_url} ({type(error).__name__}: {error})"
            raise UserError(cause, "Start the server or mend `base_url`.") from None
        if reply.status_code in (401, 403):
            cause = f"{self.base_url} refuses the API key (HTTP {reply.status_code})"
            raise UserError(cause, "Set `api_key_env` to the variable that holds a valid key.")

    def open(self) -> Engine:  # noqa: D102
        return OpenaiEngine(self)


class OpenaiEngine:
    """A client with its own connection pool. Lives on one event loop."""

    def __init__(self, spec: Openai) -> None:
        self._spec = spec
        self._slots = asyncio.Semaphore(spec.max_concurrency)
        self._client = httpx.AsyncClient(
            base_url=spec.base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {spec.api_key()}"},
            timeout=httpx.Timeout(spec.timeout_s, connect=10),
            limits=httpx.Limits(max_connections=spec.max_concurrency),
        )

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        async for answer in as_finished(requests, self._answer):
            yield answer

    async def _answer(self, request: Request) -> Reply:
        path, body = self._call(request)
        jitter = random.Random(request.seed)
        for attempt in range(self._spec.max_retries + 1):
            try:
                async with self._slots:
                    return read_reply(await self._post(path, body), request.ask, self._spec.model)
            except RetryableError as error:
                if attempt == self._spec.max_retries:
                    tries = f"after {attempt + 1} tries" if attempt else "and no retry is allowed"
                    raise EngineError(f"{error} ({tries})", retryable=True) from None
                await asyncio.sleep(error.wait_s or backoff_s(attempt, jitter))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _call(self, request: Request) -> tuple[str, dict[str, Any]]:
        match request.ask.prompt:
            case Chat(messages):
                turns = [{"role": m.role, "content": m.content} for m in messages]
                return "chat/completions", {"messages": turns, **self._chat_options(request)}
            case Raw(text):
                options = self._options(request)
                logprobs = {"logprobs": request.ask.logprobs} if request.ask.logprobs else {}
                return "completions", {"prompt": text, **logprobs, **options}
        raise EngineError("a chat server cannot leave a user turn open: give `pre_query`")

    def _chat_options(self, request: Request) -> dict[str, Any]:
        options = self._options(request)
        if request.ask.logprobs:
            options |= {"logprobs": True, "top_logprobs": request.ask.logprobs}
        if request.ask.schema:
            schema = {"name": "reply", "schema": request.ask.schema, "strict": True}
            options |= {"response_format": {"type": "json_schema", "json_schema": schema}}
        return options

    def _options(self, request: Request) -> dict[str, Any]:
        sampling = request.ask.sampling
        options: dict[str, Any] = {
            "model": self._spec.model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "n": sampling.samples,
            "seed": request.seed,
        }
        # Not in OpenAI's own protocol; sent only where asked for, so that its servers accept us.
        options |= {"min_p": sampling.min_p} if sampling.min_p else {}
        return options | ({"stop": list(sampling.stop)} if sampling.stop else {})

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        try:
            reply = await self._client.post(path, json=body)
        except (httpx.TimeoutException, httpx.TransportError) as error:
            raise RetryableError(f"{type(error).__name__} {error}".strip()) from error
        if reply.status_code == 429 or reply.status_code >= 500:
            raise RetryableError(f"HTTP {reply.status_code}", retry_after_s(reply.headers))
        if reply.status_code >= 400:
            fatal = reply.status_code in (401, 403, 404)
            raise EngineError(f"HTTP {reply.status_code}: {reply.text[:200]}", fatal=fatal)
        try:
            return reply.json()
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RetryableError("the server's reply is not JSON") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class RetryableError(Exception):
    """The same call may succeed after `wait_s` seconds (None: we choose)."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds a Retry-After header asks for, at most a minute; None without one."""
    try:
        return min(max(float(headers["retry-after"]), 0.0), _LONGEST_WAIT_S)
    except (KeyError, ValueError):
        return None


def backoff_s(attempt: int, jitter: random.Random) -> float:
    """Full jitter: uniform in [0, 0.5 * 2^attempt] seconds, at most a minute."""
    return jitter.uniform(0, min(0.5 * 2**attempt, _LONGEST_WAIT_S))


def read_reply(body: Any, ask: Ask, model: str) -> Reply:
    """The `Reply` in a completion or chat completion.

    Raises:
        RetryableError: the body is not a completion with the samples that were asked for.
    """
    try:
        choices = sorted(body["choices"], key=lambda choice: choice.get("index") or 0)
        usage = body.get("usage") or {}
        reply = Reply(
            samples=tuple(_sample(choice) for choice in choices),
            model=str(body.get("model") or model),
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RetryableError(f"the reply is no completion ({error!r})") from error
    if len(reply.samples) != ask.sampling.samples:
        raise RetryableError(f"{len(reply.samples)} samples for {ask.sampling.samples}")
    return reply


def _sample(choice: Mapping[str, Any]) -> Sample:
    message = choice.get("message")
    text = message["content"] if message else choice["text"]
    return Sample(text or "", choice.get("finish_reason") or "stop", _logprobs(choice))


def _logprobs(choice: Mapping[str, Any]) -> tuple[Mapping[str, float], ...]:
    found = choice.get("logprobs") or {}
    if "content" in found:
        return tuple(
            {entry["token"]: float(entry["logprob"]) for entry in position["top_logprobs"]}
            for position in found["content"] or ()
        )
    return tuple(dict(position or {}) for position in found.get("top_logprobs") or ())
