"""An engine on its own loop: opened once, stopped at once."""

import asyncio
import threading
import time
from typing import ClassVar

import pytest

from pipelines.execution.engines.engine_thread import EngineThread
from pipelines.execution.shards.worker_died import EngineLost
from pipelines.execution.steps.shard_stream import UpstreamError
from stages.ask import Ask, Request, chat
from stages.engines.base import EngineSpec, as_finished
from stages.errors import EngineError


class Sleeper:
    cancelled = 0

    async def complete(self, requests):
        async for answer in as_finished(requests, self._answer):
            yield answer

    async def _answer(self, request):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            Sleeper.cancelled += 1
            raise

    async def close(self):
        pass


class Sleeps(EngineSpec):
    provides: ClassVar = frozenset({"chat"})
    kind: str = "sleeps"
    model: str = "sleeps"

    def open(self):
        return Sleeper()


class BrokenError(Sleeps):
    opened: ClassVar[int] = 0

    def open(self):
        BrokenError.opened += 1
        raise EngineError("no such model", fatal=True)


REQUESTS = [Request(i, Ask(chat("Hi")), i) for i in range(3)]


async def collected(host):
    return [answer async for answer in host.complete(REQUESTS)]


def test_a_stop_does_not_wait_for_calls_under_way():
    host = EngineThread(Sleeps())
    host.run(host.open()).result()
    threading.Timer(0.2, host.stop).start()
    began = time.monotonic()
    with pytest.raises(UpstreamError):
        host.run(collected(host)).result()
    assert time.monotonic() - began < 10
    with pytest.raises(UpstreamError):
        host.run(collected(host)).result()
    host.close()
    assert Sleeper.cancelled == 3


def test_an_engine_that_does_not_open_is_tried_once():
    host = EngineThread(BrokenError())
    for _ in range(3):
        with pytest.raises(EngineLost, match="no such model"):
            host.run(collected(host)).result()
    assert BrokenError.opened == 1
    host.close()
