"""An engine on an event loop of its own, usable from any thread."""

import asyncio
import queue
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from pipelines.execution.feed import Upstream
from pipelines.execution.lost import EngineLost
from pipelines.execution.supervised import Supervised
from stages.ask import Request
from stages.engines.base import Answer, Engine, EngineSpec
from stages.errors import EngineError

Result = TypeVar("Result")


class EngineHost:
    """Opens the engine at the first call, once. A `Client`."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._engine: Engine | None = None
        self._failure: Exception | None = None
        self._stopped = False
        self._sent: set[Future[None]] = set()
        self._opening = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"engine-{spec.kind}", daemon=True
        )

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Answer]]:
        """One answer per request, as they finish; those that are there together in one list."""
        engine = self.open()
        if self._stopped:
            raise Upstream
        answers: queue.SimpleQueue[Answer | BaseException | None] = queue.SimpleQueue()
        sent = asyncio.run_coroutine_threadsafe(_forward(engine, requests, answers), self._loop)
        self._sent.add(sent)
        try:
            while there := _there(answers):
                yield there
        finally:
            # Whoever stops listening early also stops the calls.
            sent.cancel()
            self._sent.discard(sent)

    def open(self) -> Engine:
        """Load the engine, unless it is loaded."""
        with self._opening:
            if self._failure is not None:
                # Every shard that waits for this engine hears of it; none tries to load it again.
                raise self._failure
            if self._engine is None:
                self._thread.start()
                try:
                    self._engine = self._call(_opened(self._spec))
                except Exception as error:
                    self._failure = error
                    raise
            return self._engine

    def _call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        """Give up all calls under way; whoever waits for them gets `Upstream`."""
        self._stopped = True
        for sent in list(self._sent):
            sent.cancel()

    def close(self) -> None:
        """Free the engine, if it was ever opened."""
        if self._engine is not None:
            self._call(self._engine.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)


def _there(answers: "queue.SimpleQueue[Answer | BaseException | None]") -> list[Answer]:
    """What has come, at least one; nothing at the end."""
    found: list[Answer] = []
    while not found or not answers.empty():
        answer = answers.get()
        if answer is None or isinstance(answer, BaseException):
            if found:
                answers.put(answer)  # nothing comes after it: it is next
                break
            if answer is not None:
                raise answer
            break
        found.append(answer)
    return found


async def _opened(spec: EngineSpec) -> Engine:
    # On the loop, because clients and vLLM's engine bind to the loop they are made on.
    return Supervised(spec)


async def _forward(
    engine: Engine,
    requests: Sequence[Request],
    answers: "queue.SimpleQueue[Answer | BaseException | None]",
) -> None:
    try:
        async for answer in engine.complete(requests):
            answers.put(answer)
    except asyncio.CancelledError:
        answers.put(Upstream())
    except EngineError as error:
        answers.put(EngineLost(f"the engine cannot go on: {error}", "Mend it and run again."))
    except Exception as error:  # noqa: BLE001  raised again in the thread that asked
        answers.put(error)
    else:
        answers.put(None)
