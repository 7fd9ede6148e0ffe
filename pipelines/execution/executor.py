"""Where work is done: this process, or a Ray cluster."""

import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, Self

from pipelines.execution import work as unit
from pipelines.execution.host import EngineHost
from pipelines.execution.lost import EngineLost
from pipelines.execution.replicas import Replicas
from pipelines.execution.work import Work
from pipelines.recipe import Recipe
from pipelines.store.manifest import Shard
from stages.base import PromptStage


class Executor(Protocol):
    """Takes work, gives futures. Engines are loaded at their first use, once per replica."""

    def submit(self, work: Work) -> "Future[list[Shard]]":
        """Start `work`; the result is what its shards became, or `Lost` if its process died."""
        ...

    def warm(self, engine: str) -> None:
        """Begin to load an engine that will be needed; do not wait for it."""
        ...

    def close(self) -> None:
        """Free engines and processes."""
        ...


class LocalExecutor:
    """Threads in this process; engines beside them."""

    def __init__(self, hosts: Mapping[str, Replicas[EngineHost]], threads: int) -> None:
        self._hosts = hosts
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="shard")

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """With the recipe's engines, and threads for as many shards as it may have in flight."""
        hosts = {
            name: Replicas([EngineHost(spec) for _ in range(recipe.placed(name).replicas)])
            for name, spec in recipe.engines.items()
        }
        return cls(hosts, threads=recipe.placement.shards_in_flight * len(recipe.stages))

    def submit(self, work: Work) -> "Future[list[Shard]]":
        """See `Executor`."""
        stage = work.step.stage
        if isinstance(stage, PromptStage):
            return self._pool.submit(self._ask, work, self._hosts[stage.engine])
        return self._pool.submit(unit.do, work, None)

    def _ask(self, work: Work, hosts: Replicas[EngineHost]) -> list[Shard]:
        while True:
            number = hosts.take()
            try:
                shards = unit.do(work, hosts.all[number])
            except EngineLost as error:
                hosts.give_back(number, error)
                work = work.again()
            except BaseException:
                hosts.give_back(number)
                raise
            else:
                hosts.give_back(number)
                return shards

    def warm(self, engine: str) -> None:
        """See `Executor`."""
        for host in self._hosts[engine].all:
            self._pool.submit(host.open)

    def close(self) -> None:
        """See `Executor`."""
        hosts = [host for copies in self._hosts.values() for host in copies.all]
        for host in hosts:
            host.stop()
        self._pool.shutdown(cancel_futures=True)
        for host in hosts:
            host.close()


def executor_for(recipe: Recipe, *, local: bool, address: str | None = None) -> Executor:
    """Where the recipe's work is done: `local` in this process, else on the Ray cluster there."""
    if local:
        return LocalExecutor.of(recipe)
    if not (address or os.environ.get("RAY_ADDRESS")):
        # Ray otherwise listens on all of the machine's addresses, 127.0.0.1 asked for or not. It
        # reads this when it is imported.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    from pipelines.execution.on_ray import RayExecutor

    return RayExecutor(recipe, address)
