"""An engine that is opened again when it answers no more.

A dead engine is easy to see when its process ends; one whose health is fine and whose every call
fails is not (vLLM's server can stay up with a dead engine; Ray Data retried such an actor for
ever until January 2026, ray #60145). So calls are counted, not health: after three failures in a
row, or one that says so itself, the engine is closed and opened again, and what failed is asked
once more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from stages.ask import Request, Sample
from stages.engines.base import Answer, Engine, EngineSpec
from stages.errors import EngineError
from stages.shared.unicode import storable

_FAILURES = 3
"""In a row, over all calls; a refused request (too long, malformed) does not count."""
_REOPENINGS = 3
"""Without an answer in between; then the engine is given up."""


class RestartingEngine:
    """An `Engine`. Lives on one event loop."""

    def __init__(self, spec: EngineSpec) -> None:
        self._open: Callable[[], Engine] = spec.open
        self._engine = spec.open()
        self._failures = self._reopened = 0
        self._last = ""
        self._replacing = asyncio.Lock()

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        left = {request.index: request for request in requests}
        failed: dict[int, Answer] = {}
        for last in (False, True):
            engine, failed = self._engine, {}
            try:
                async for answer in engine.complete(list(left.values())):
                    if self._fails(answer, engine):
                        failed[answer.index] = answer
                    else:
                        del left[answer.index]
                        yield _storable(answer)
            except Exception:
                # Another shard's calls had it closed under these: they are asked once more.
                if engine is self._engine:
                    raise
            if not left or last or (engine is self._engine and not self._condemned(failed)):
                break
            await self._replace(engine)
        for index in left:
            yield failed.get(index) or Answer(index, EngineError("closed", retryable=True))

    def _fails(self, answer: Answer, engine: Engine) -> bool:
        """Whether the answer is a failure of the engine rather than of its request."""
        error = answer.outcome
        if not (isinstance(error, EngineError) and (error.retryable or error.fatal)):
            self._failures = self._reopened = 0
            return False
        self._failures += engine is self._engine
        self._last = str(error)
        return True

    def _condemned(self, failed: Mapping[int, Answer]) -> bool:
        fatal = any(isinstance(a.outcome, EngineError) and a.outcome.fatal for a in failed.values())
        return fatal or self._failures >= _FAILURES

    async def _replace(self, engine: Engine) -> None:
        async with self._replacing:
            if self._engine is not engine:
                return  # another shard's calls noticed it first
            if self._reopened == _REOPENINGS:
                cause = f"no call succeeds, and opening it {_REOPENINGS} times did not help"
                raise EngineError(f"{cause}: {self._last}", fatal=True)
            self._reopened += 1
            with suppress(EngineError):
                await engine.close()
            self._engine = self._open()
            self._failures = 0

    async def close(self) -> None:
        """See `Engine`."""
        await self._engine.close()


def _storable(answer: Answer) -> Answer:
    """Without lone surrogates, which no file takes."""
    if isinstance(answer.outcome, EngineError):
        return answer
    if all(s.text.isascii() and not s.logprobs for s in answer.outcome.samples):
        return answer
    samples = tuple(map(_storable_sample, answer.outcome.samples))
    return Answer(answer.index, replace(answer.outcome, samples=samples))


def _storable_sample(sample: Sample) -> Sample:
    logprobs = tuple({storable(t): p for t, p in place.items()} for place in sample.logprobs)
    return replace(sample, text=storable(sample.text), logprobs=logprobs)
