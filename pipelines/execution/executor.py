"""Where work is done: this process, or a Ray cluster."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, Self

from pipelines.execution import work as unit
from pipelines.execution.host import EngineHost
from pipelines.execution.work import Work
from pipelines.recipe import Recipe
from pipelines.store.manifest import Shard
from stages.base import PromptStage


class Executor(Protocol):
    """Takes work, gives futures. Engines are loaded at their first use, once."""

    def submit(self, work: Work) -> "Future[list[Shard]]":
        """Start `work`; the result is what its shards became."""
        ...

    def warm(self, engine: str) -> None:
        """Begin to load an engine that will be needed; do not wait for it."""
        ...

    def close(self) -> None:
        """Free engines and processes."""
        ...


class LocalExecutor:
    """Threads in this process; engines beside them."""

    def __init__(self, hosts: Mapping[str, EngineHost], threads: int) -> None:
        self._hosts = hosts
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="shard")

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """With the recipe's engines, and threads for as many shards as it may have in flight."""
        hosts = {name: EngineHost(spec) for name, spec in recipe.engines.items()}
        return cls(hosts, threads=recipe.placement.shards_in_flight * len(recipe.stages))

    def submit(self, work: Work) -> "Future[list[Shard]]":
        """See `Executor`."""
        stage = work.step.stage
        client = self._hosts[stage.engine] if isinstance(stage, PromptStage) else None
        return self._pool.submit(unit.do, work, client)

    def warm(self, engine: str) -> None:
        """See `Executor`."""
        self._pool.submit(self._hosts[engine].open)

    def close(self) -> None:
        """See `Executor`."""
        for host in self._hosts.values():
            host.stop()
        self._pool.shutdown(cancel_futures=True)
        for host in self._hosts.values():
            host.close()


def executor_for(recipe: Recipe, *, local: bool) -> Executor:
    """Where the recipe's work is done: `local` in this process, else on Ray."""
    if local:
        return LocalExecutor.of(recipe)
    from pipelines.execution.on_ray import RayExecutor

    return RayExecutor(recipe.engines)
