"""The processes that do the work of shards, and tell how far they are."""

import asyncio
from collections.abc import Mapping
from typing import Any

import ray

from pipelines.execution.on_ray.engine import ActorClient
from pipelines.execution.shards import shard_task as unit
from pipelines.execution.shards.shard_task import ShardTask
from pipelines.execution.shards.worker_died import EngineLost
from pipelines.store.log.manifest import Shard
from stages.errors import EngineError


class Worker:
    """A process that does the work of shards, many at a time: most of them wait for an engine."""

    def __init__(self) -> None:
        self._news: dict[int, list[int]] = {}

    async def do(
        self, number: int, work: ShardTask, actors: Mapping[str, Any], opened: list[Any]
    ) -> list[Shard]:
        """`number`: what `news` calls this work. `opened`: ready when the engines are."""
        if not work.step.engines:
            return await asyncio.to_thread(unit.do, work)
        for name, each in zip(actors, opened, strict=True):
            await _open(name, each)
        clients = {name: ActorClient(actor) for name, actor in actors.items()}
        told = self._news.setdefault(number, [0, 0])

        def heard(rows: int, tokens: int) -> None:
            told[0] += rows
            told[1] += tokens

        try:
            return await unit.ask(work, clients, heard)
        finally:
            del self._news[number]

    async def news(self) -> dict[int, list[int]]:
        """How far each work is: rows that have their fate, tokens written for them."""
        return {number: list(told) for number, told in self._news.items()}


async def _open(name: str, opened: Any) -> None:
    """Wait until the engine of this name is loaded.

    Raises:
        EngineLost: it cannot be; the others of the stage are not to blame.
    """
    try:
        await opened
    except ray.exceptions.RayTaskError as error:
        cause = getattr(error, "cause", None)
        if not isinstance(cause, EngineError):
            raise
        lost = EngineLost(f"the engine cannot go on: {cause}", "Fix it and run again.")
        lost.engine = name
        raise lost from None


def alone(work: ShardTask, actors: Mapping[str, Any], *_opened: None) -> list[Shard]:
    """The same in a process of its own, for work whose process died before."""
    if not work.step.engines:
        return unit.do(work)
    clients = {name: ActorClient(actor) for name, actor in actors.items()}
    return asyncio.run(unit.ask(work, clients))
