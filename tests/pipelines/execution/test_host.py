"""An engine on its own loop: opened once, stopped at once."""

import asyncio
import threading
import time
from typing import ClassVar

import pytest

from pipelines.execution.feed import Upstream
from pipelines.execution.host import EngineHost
from pipelines.execution.lost import EngineLost
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
    can: ClassVar = frozenset({"chat"})
    kind: str = "sleeps"
    model: str = "sleeps"

    def open(self):
        return Sleeper()


class Broken(Sleeps):
    opened: ClassVar[int] = 0

    def open(self):
        Broken.opened += 1
        raise EngineError("no such model", fatal=True)


REQUESTS = [Request(i, Ask(chat("Hi")), i) for i in range(3)]


async def collected(host):
    return [answer async for answer in host.complete(REQUESTS)]


def test_a_stop_does_not_wait_for_calls_under_way():
    host = EngineHost(Sleeps())
    host.run(host.open()).result()
    threading.Timer(0.2, host.stop).start()
    began = time.monotonic()
    with pytest.raises(Upstream):
        host.run(collected(host)).result()
    assert time.monotonic() - began < 10
    with pytest.raises(Upstream):
        host.run(collected(host)).result()
    host.close()
    assert Sleeper.cancelled == 3


def test_an_engine_that_does_not_open_is_tried_once():
    host = EngineHost(Broken())
    for _ in range(3):
        with pytest.raises(EngineLost, match="no such model"):
            host.run(collected(host)).result()
    assert Broken.opened == 1
    host.close()
