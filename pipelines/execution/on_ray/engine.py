"""An engine in a process of its own, and how shards talk to it."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import ray

from pipelines.execution.engines.answer_stream import Ended, forward
from pipelines.execution.engines.restarting_engine import RestartingEngine
from pipelines.execution.shards.worker_died import EngineLost, WorkerDied
from stages.ask import Request
from stages.engines.base import Answer, EngineSpec
from stages.engines.model.threads import openmp
from stages.errors import EngineError, first_line

_COALESCE_S = 0.02
"""Answers that come within it travel together: each journey takes about a millisecond."""


class EngineActor:
    """An engine in a process of its own. It is loaded by the first call."""

    def __init__(self, spec: EngineSpec, threads: str | None) -> None:
        # Ray gives an actor without CPUs of its own one thread; what the user has set stays.
        os.environ.update(openmp() | ({"OMP_NUM_THREADS": threads} if threads else {}))
        self._spec = spec
        self._engine: RestartingEngine | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Load it, unless it is loaded."""
        async with self._opening:
            if self._engine is None:
                self._engine = RestartingEngine(self._spec)

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[list[Answer]]:
        """One answer per request, as they finish; those that come close together in one list."""
        await self.open()
        assert self._engine is not None
        there: asyncio.Queue[Answer | Ended] = asyncio.Queue()
        stream = self._engine.complete(requests)
        forwarding = asyncio.create_task(forward(stream, there.put_nowait))
        try:
            while answers := await _next(there):
                yield answers
        finally:
            forwarding.cancel()

    async def close(self) -> None:
        """Free it."""
        if self._engine is not None:
            await self._engine.close()


async def _next(there: "asyncio.Queue[Answer | Ended]") -> list[Answer]:
    """What has come, at least one answer; nothing at the end."""
    found: list[Answer] = []
    while not found or not there.empty():
        came = await there.get()
        if isinstance(came, Answer):
            if not found and there.empty():
                await asyncio.sleep(_COALESCE_S)
            found.append(came)
        elif found:
            there.put_nowait(came)  # nothing comes after it: it is next
            break
        elif came.error is not None:
            raise came.error
        else:
            break
    return found


class ActorClient:
    """A `Client` that talks to an `EngineActor`."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """One answer per request, as they finish."""
        stream = self._actor.complete.remote(requests)
        try:
            async for reference in stream:
                for answer in await reference:
                    yield answer
        except ray.exceptions.ActorDiedError as error:
            raise EngineLost(f"the engine's process died ({first_line(error)})") from None
        except ray.exceptions.RayActorError as error:
            raise WorkerDied(f"the engine's process died ({first_line(error)})") from None
        except ray.exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, EngineError):
                raise EngineLost(f"the engine cannot go on: {cause}", "Fix it.") from None
            raise
        finally:
            # Who stops listening early also stops the calls.
            ray.cancel(stream)


class EngineCopy:
    """An engine's actor, and the reference that is ready when it is loaded."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.opened = actor.open.remote()

    def reopen(self) -> None:
        """Wait for the process that Ray starts in place of one that died; no other call waits."""
        self.opened = self.actor.open.options(max_task_retries=-1).remote()

    @property
    def is_loading(self) -> bool:
        """Whether it is not there yet."""
        return not ray.wait([self.opened], timeout=0, fetch_local=False)[0]
