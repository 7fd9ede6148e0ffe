"""Where work is done: this process, or a Ray cluster."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, Self

from pipelines.execution.engines.engine_thread import EngineThread
from pipelines.execution.engines.replicas import Copy, Replicas
from pipelines.execution.shards import shard_task as unit
from pipelines.execution.shards.calls import Heard, unheard
from pipelines.execution.shards.shard_task import ShardTask
from pipelines.execution.shards.worker_died import EngineLost
from pipelines.machine.waiting import Say, silent
from pipelines.recipe.parse import Recipe
from pipelines.store.log.manifest import Shard

_CORES = os.cpu_count() or 1


class Executor(Protocol):
    """Takes work, gives futures. Engines are loaded at their first use, once per replica."""

    ahead: int
    """Rows admitted per engine, in multiples of its capacity: more where progress is heard late."""

    @property
    def width(self) -> int:
        """Shards of a stage that are begun at the same time where they need no engine."""
        ...

    def submit(self, work: ShardTask, heard: Heard = unheard) -> "Future[list[Shard]]":
        """Start `work`; the result is what its shards became, or `WorkerDied` if its process died.

        `heard` is told how it goes, from any thread.
        """
        ...

    def warm(self, engine: str) -> None:
        """Begin to load an engine that will be needed; do not wait for it."""
        ...

    def loading(self) -> list[str]:
        """The names of engines that are being loaded now."""
        ...

    def close(self) -> None:
        """Free engines and processes."""
        ...


class LocalExecutor:
    """Engines on loops of their own in this process, which also carry the work that asks them.

    What asks nobody goes to a few threads.
    """

    ahead = 2
    width = 2 * _CORES

    def __init__(self, hosts: Mapping[str, Replicas[EngineThread]]) -> None:
        self._hosts = hosts
        self._pool = ThreadPoolExecutor(_CORES, thread_name_prefix="shard")

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """With the recipe's engines."""
        return cls(
            {
                name: Replicas([EngineThread(spec) for _ in range(recipe.placed(name).replicas)])
                for name, spec in recipe.engines.items()
            }
        )

    def submit(self, work: ShardTask, heard: Heard = unheard) -> "Future[list[Shard]]":
        """See `Executor`."""
        if not work.step.engines:
            return self._pool.submit(unit.do, work)

        def send(hosts: Mapping[str, EngineThread], work: ShardTask) -> "Future[list[Shard]]":
            first = next(iter(hosts.values()))
            return first.run(unit.ask(work, hosts, heard))

        return ask_each({name: self._hosts[name] for name in work.step.engines}, work, send)

    def warm(self, engine: str) -> None:
        """See `Executor`."""
        for host in self._hosts[engine].all:
            host.run(host.open())

    def loading(self) -> list[str]:
        """See `Executor`."""
        return [
            name for name, copies in self._hosts.items() if any(h.is_loading for h in copies.all)
        ]

    def close(self) -> None:
        """See `Executor`."""
        hosts = [host for copies in self._hosts.values() for host in copies.all]
        for host in hosts:
            host.stop()
        self._pool.shutdown(cancel_futures=True)
        for host in hosts:
            host.close()


def ask_each(
    engines: Mapping[str, Replicas[Copy]],
    work: ShardTask,
    send: "Callable[[Mapping[str, Copy], ShardTask], Future[list[Shard]]]",
) -> "Future[list[Shard]]":
    """Send the work to a copy of each of its engines, and to others if one is given up."""
    done: Future[list[Shard]] = Future()

    def begin(work: ShardTask) -> None:
        taken: dict[str, int] = {}
        try:
            for name, copies in engines.items():
                taken[name] = copies.take()
            sent = send({name: engines[name].all[n] for name, n in taken.items()}, work)
        except Exception as error:  # noqa: BLE001  raised where the work is waited for
            give_back(taken)
            done.set_exception(error)
            return
        sent.add_done_callback(lambda ended: end(ended, taken, work))

    def give_back(taken: Mapping[str, int], lost: EngineLost | None = None) -> None:
        for name, number in taken.items():
            is_lost = lost is not None and lost.engine in ("", name)
            engines[name].give_back(number, lost if is_lost else None)

    def end(ended: "Future[list[Shard]]", taken: Mapping[str, int], work: ShardTask) -> None:
        error = ended.exception()
        if isinstance(error, EngineLost):
            give_back(taken, error)
            begin(work.again())
            return
        give_back(taken)
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(ended.result())

    begin(work)
    return done


def executor_for(
    recipe: Recipe, *, local: bool, address: str | None = None, say: Say = silent
) -> Executor:
    """Where the recipe's work is done: `local` in this process, else on the Ray cluster there.

    `say` hears what is being waited for.
    """
    if local:
        return LocalExecutor.of(recipe)
    if not (address or os.environ.get("RAY_ADDRESS")):
        # Ray otherwise listens on all of the machine's addresses, 127.0.0.1 asked for or not. It
        # reads this when it is imported.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    from pipelines.execution.on_ray import RayExecutor

    return RayExecutor(recipe, address, say)
