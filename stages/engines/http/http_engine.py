"""An engine behind an endpoint: paced, retried, bounded calls in one protocol."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

from stages.ask import Ask, Given, Message, Reply, Request, texts
from stages.engines.base import Answer, as_finished
from stages.engines.http import http_call
from stages.engines.http.adaptive_limiter import AdaptiveLimiter
from stages.engines.http.endpoint_spec import EndpointSpec
from stages.engines.http.http_call import Endpoint, RetryableError
from stages.engines.http.replies import NoReplyError
from stages.errors import EngineError


class Wire(Protocol):
    """A provider's protocol; a module is one."""

    def call(self, request: Request, model: str) -> tuple[str, dict[str, Any]]:
        """Path and body of the request.

        Raises:
            EngineError: the protocol has no way to ask it.
        """
        ...

    def read_reply(self, body: Any, ask: Ask, model: str, answers_as: str | None) -> Reply:
        """The `Reply` in what came back.

        Raises:
            NoReplyError: it is not a reply, or not of this model.
        """
        ...


class HttpEngine:
    """A client with its own connection pool. Lives on the event loop that it is made on.

    `why_dead` says why no call will ever succeed again; empty while one may.
    """

    def __init__(
        self,
        spec: EndpointSpec,
        wire: Wire,
        url: str | None = None,
        why_dead: Callable[[], str] = str,
    ) -> None:
        self.spec, self._wire, self._why_dead = spec, wire, why_dead
        self._endpoint = Endpoint(
            url or spec.base_url, spec.headers(), spec.timeout_s, spec.api_key()
        )
        self.pace = AdaptiveLimiter(
            spec.max_concurrency, spec.requests_per_minute, spec.tokens_per_minute
        )

    def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        return as_finished(requests, self.answer)

    async def answer(self, request: Request) -> Reply:
        """The reply to one request.

        Raises:
            EngineError: it was refused, or failed again and again.
        """
        spec, ask = self.spec, request.ask
        path, body = self._wire.call(request, spec.model)

        def read(came: Any) -> Reply:
            return self._wire.read_reply(came, ask, spec.model, spec.answers_as)

        return await self.insist(path, body, ask, read)

    async def insist(
        self, path: str, body: dict[str, Any], ask: Ask, read: Callable[[Any], Reply]
    ) -> Reply:
        """What `read` makes of the answer to the call, which is made again where that may help."""

        async def attempt() -> Reply:
            try:
                return await self._try(path, body, ask, read)
            except RetryableError:
                if dead := self._why_dead():
                    raise EngineError(dead, fatal=True) from None
                raise

        try:
            return await http_call.with_retries(attempt, self.spec.max_retries)
        except EngineError as error:
            said = self._endpoint.unquoted(str(error))
            raise EngineError(said, retryable=error.retryable, fatal=error.fatal) from None

    async def _try(
        self, path: str, body: dict[str, Any], ask: Ask, read: Callable[[Any], Reply]
    ) -> Reply:
        most = most_tokens(ask)
        began = await self.pace.take(most)
        try:
            reply = read(await self._endpoint.post(path, body, most_bytes(ask)))
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
        """Close the connections."""
        await self._endpoint.close()


def most_tokens(ask: Ask) -> int:
    """Tokens that the call may take, the prompt taken at four characters a token."""
    written = 1 if isinstance(ask.prompt, Given) else ask.sampling.samples * ask.sampling.max_tokens
    return sum(map(len, texts(ask.prompt))) // 4 + written


def most_bytes(ask: Ask) -> int:
    """Bytes that an honest reply stays under: a mebibyte, and plenty for each token."""
    sampling = ask.sampling
    written = sampling.samples * sampling.max_tokens * (1 + ask.logprobs)
    # Of a text that is scored each token comes back with its number.
    read = sum(map(len, texts(ask.prompt))) if isinstance(ask.prompt, Given) else 0
    return (1 << 20) + 512 * (written + read)


def turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as most protocols write them."""
    return [{"role": m.role, "content": m.content} for m in messages]
