"""An engine on an event loop of its own, which other threads give work to."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

from pipelines.execution.engines.answer_stream import Ended, forward
from pipelines.execution.engines.restarting_engine import RestartingEngine
from pipelines.execution.shards.worker_died import EngineLost
from pipelines.execution.steps.shard_stream import UpstreamError
from stages.ask import Request
from stages.engines.base import Answer, Engine, EngineSpec
from stages.errors import EngineError

Result = TypeVar("Result")


class EngineThread:
    """Opens the engine at the first call, once. A `Client`, for other loops too."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._engine: Engine | None = None
        self._failure: Exception | None = None
        self.is_loading = False
        self._stopped = False
        # With 512 calls open at once it takes a tenth less processor time than asyncio's own.
        self._loop = uvloop.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        """Run a coroutine on the engine's loop; `Upstream` where it was stopped."""
        with self._starting:
            if self._thread is None:
                name = f"engine-{self._spec.kind}"
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name=name, daemon=True
                )
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._until_stopped(work), self._loop)

    async def _until_stopped(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._stopped:
            work.close()
            raise UpstreamError
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._stopped:
                raise
            raise UpstreamError from None
        finally:
            self._tasks.discard(task)

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """One answer per request, as they finish.

        Raises:
            EngineLost: the engine answers no more.
        """
        if asyncio.get_running_loop() is not self._loop:
            async for answer in self._across(requests):
                yield answer
            return
        engine = await self.open()
        try:
            async for answer in engine.complete(requests):
                yield answer
        except EngineError as error:
            raise _lost(error) from None

    async def _across(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """The same for the loop of another engine."""
        here = asyncio.get_running_loop()
        there: asyncio.Queue[Answer | Ended] = asyncio.Queue()

        def put(came: Answer | Ended) -> None:
            here.call_soon_threadsafe(there.put_nowait, came)

        def ended(sent: "Future[None]") -> None:
            if not sent.cancelled():
                put(Ended(sent.exception()))

        sent = self.run(forward(self.complete(requests), put))
        sent.add_done_callback(ended)
        try:
            while isinstance(came := await there.get(), Answer):
                yield came
            if came.error is not None:
                raise came.error
        finally:
            sent.cancel()

    async def open(self) -> Engine:
        """Load the engine, unless it is loaded.

        It is made on the loop, because clients and vLLM's engine bind to the loop they are made
        on; whatever else waits for this engine waits for that.
        """
        if self._failure is not None:
            # Every shard that waits for this engine hears of it; none tries to load it again.
            raise self._failure
        if self._engine is None:
            self.is_loading = True
            try:
                self._engine = RestartingEngine(self._spec)
            except EngineError as error:
                self._failure = _lost(error)
                raise self._failure from None
            except Exception as error:
                self._failure = error
                raise
            finally:
                self.is_loading = False
        return self._engine

    def stop(self) -> None:
        """Give up all work under way; waiting for it raises `UpstreamError`."""
        self._stopped = True
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def close(self) -> None:
        """Free the engine, if it was ever opened."""
        if self._thread is None:
            self._loop.close()
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    async def _close(self) -> None:
        self._cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._engine is not None:
            await self._engine.close()


def _lost(error: EngineError) -> EngineLost:
    return EngineLost(f"the engine cannot go on: {error}", "Fix it and run again.")
