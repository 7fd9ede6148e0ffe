"""The processes that do the work of shards, and tell how far they are."""

import asyncio
from typing import Any

from pipelines.execution import work as unit
from pipelines.execution.on_ray.engine import ActorClient
from pipelines.execution.work import Work
from pipelines.store.manifest import Shard
from stages.base import PromptStage


class Worker:
    """A process that does the work of shards, many at a time: most of them wait for an engine."""

    def __init__(self) -> None:
        self._news: dict[int, list[int]] = {}

    async def do(self, number: int, work: Work, engine: Any, opened: list[Any]) -> list[Shard]:
        """`number`: what `news` calls this work. `opened`: ready when the engine is."""
        stage = work.step.stage
        if not isinstance(stage, PromptStage):
            return await asyncio.to_thread(unit.do, work)
        for each in opened:
            await each
        client = ActorClient(engine) if engine is not None else None
        told = self._news.setdefault(number, [0, 0])

        def heard(rows: int, tokens: int) -> None:
            told[0] += rows
            told[1] += tokens

        try:
            return await unit.ask(work, client, heard)
        finally:
            del self._news[number]

    async def news(self) -> dict[int, list[int]]:
        """How far each work is: rows that have their fate, tokens written for them."""
        return {number: list(told) for number, told in self._news.items()}


def alone(work: Work, engine: Any, opened: None) -> list[Shard]:
    """The same in a process of its own, for work whose process died before."""
    if not isinstance(work.step.stage, PromptStage):
        return unit.do(work)
    client = ActorClient(engine) if engine is not None else None
    return asyncio.run(unit.ask(work, client))
