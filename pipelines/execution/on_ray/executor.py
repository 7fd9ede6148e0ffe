"""A run on Ray: which process does what."""

import contextlib
import itertools
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import ray

from pipelines.execution.engines.replicas import Replicas
from pipelines.execution.executor import ask_each
from pipelines.execution.on_ray.cluster import start_cluster
from pipelines.execution.on_ray.engine import EngineActor, EngineCopy
from pipelines.execution.on_ray.worker import Worker, alone
from pipelines.execution.shards.calls import Heard, unheard
from pipelines.execution.shards.shard_task import ShardTask
from pipelines.execution.shards.worker_died import EngineLost, WorkerDied
from pipelines.execution.steps.shard_stream import UpstreamError
from pipelines.machine.waiting import Say, silent, waiting_for
from pipelines.recipe.parse import Recipe
from pipelines.store.log.manifest import Shard
from stages.errors import BowerbirdError, EngineError, UserError, first_line

_RESTARTS = 100
"""Times that the process of an engine may die and is started again, in one run."""

_NEWS_S = 0.25
"""How often the processes that work say how far they are."""


class RayExecutor:
    """Actors on a local cluster, or on the one at `address` (or that `RAY_ADDRESS` names).

    Engines are actors, and so are the processes that work: as many as there are cores, however
    much is under way. The store must be one that every node sees: a shared folder or a bucket.
    """

    ahead = 6

    def __init__(self, recipe: Recipe, address: str | None = None, say: Say = silent) -> None:
        self._recipe, self._address, self._say = recipe, address, say
        self._actors: dict[str, Replicas[EngineCopy]] = {}
        self._workers: list[Any] = []
        self._load: dict[Any, int] = {}
        self._lost: set[tuple[str, int]] = set()
        """Work whose process died: it is done alone from then on."""
        self._listening: dict[int, Heard] = {}
        self._numbers = itertools.count()
        self._starting = threading.Lock()
        self._closed = threading.Event()

    def submit(self, work: ShardTask, heard: Heard = unheard) -> "Future[list[Shard]]":
        """See `Executor`."""
        asks = work.tape is not None and work.tape.cassettes.asks
        try:
            with self._starting:
                if self._closed.is_set():
                    raise UpstreamError
                self._start()
                copies = {name: self._replicas(name) for name in work.step.engines if asks}
        except Exception as error:  # noqa: BLE001  raised where the work is waited for
            failed: Future[list[Shard]] = Future()
            failed.set_exception(error)
            return failed
        return ask_each(copies, work, lambda chosen, work: self._send(chosen, work, heard))

    @property
    def width(self) -> int:
        """See `Executor`."""
        with self._starting:
            self._start()
            return 2 * len(self._workers)

    def _start(self) -> None:
        """The cluster and its workers, once."""
        if self._workers:
            return
        with waiting_for("Ray", self._say):
            start_cluster(self._address)
        # Cores that are there now; a node that joins later brings engines no more workers.
        count = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._workers = [_worker() for _ in range(count)]
        self._load = dict.fromkeys(self._workers, 0)
        threading.Thread(target=self._listen, name="news", daemon=True).start()

    def _send(
        self, copies: Mapping[str, EngineCopy], work: ShardTask, heard: Heard
    ) -> "Future[list[Shard]]":
        """Give work to the process with the least to do, or to one of its own."""
        done: Future[list[Shard]] = Future()
        key = (work.step.name, work.inputs[0].index if work.inputs else 0)
        number = next(self._numbers)
        actors = {name: copy.actor for name, copy in copies.items()}
        opened = [copy.opened for copy in copies.values()]
        if key in self._lost:
            worker = None
            # No retries of Ray's own: the step counts them, and a journal has one writer.
            task = ray.remote(num_cpus=1, max_retries=0)(alone)
            sent = task.remote(work, actors, *opened).future()
        else:
            with self._starting:
                worker = min(self._load, key=lambda each: self._load[each])
                self._load[worker] += 1
            self._listening[number] = heard
            sent = worker.do.remote(number, work, actors, opened).future()

        def ended(sent: "Future[list[Shard]]") -> None:
            self._listening.pop(number, None)
            error = _cause(sent.exception())
            died = isinstance(sent.exception(), ray.exceptions.RayActorError)
            if died:
                self._lost.add(key)
            elif isinstance(error, WorkerDied) and not self._closed.is_set():
                for copy in copies.values():
                    copy.reopen()
            self._give_back(worker, dead=died)
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(sent.result())

        sent.add_done_callback(ended)
        return done

    def _give_back(self, worker: Any, *, dead: bool) -> None:
        """The work is done; in place of a process that died another one is started."""
        with self._starting:
            if worker not in self._load:
                return
            self._load[worker] -= 1
            if dead and not self._closed.is_set():
                del self._load[worker]
                self._load[_worker()] = 0

    def _listen(self) -> None:
        """Pass on what the workers say of how far they are, until the end."""
        known: dict[int, list[int]] = {}
        while not self._closed.wait(_NEWS_S):
            for worker in list(self._load):
                try:
                    found = ray.get(worker.news.remote(), timeout=10)
                except ray.exceptions.RayError:
                    continue  # it died: its work hears of that
                for number, told in found.items():
                    before = known.get(number, [0, 0])
                    heard = self._listening.get(number)
                    if heard is not None and told != before:
                        heard(told[0] - before[0], told[1] - before[1])
                        known[number] = told

    def warm(self, engine: str) -> None:
        """See `Executor`."""
        with self._starting:
            self._start()
            self._check_gpus()
            self._replicas(engine)

    def loading(self) -> list[str]:
        """See `Executor`."""
        there = list(self._actors.items())
        return [name for name, copies in there if any(copy.is_loading for copy in copies.all)]

    def _check_gpus(self) -> None:
        """Ray would wait forever for what no node has."""
        nodes = [node["Resources"].get("GPU", 0) for node in ray.nodes() if node["Alive"]]
        names = self._recipe.engines
        wanted = sum(self._gpus(name) * self._recipe.placed(name).replicas for name in names)
        largest = max((self._gpus(name) for name in names), default=0)
        if any(nodes) and (wanted > sum(nodes) or largest > max(nodes)):
            cause = f"the engines want {wanted:g} GPUs, {largest:g} of them on one node"
            there = f"The cluster has {sum(nodes):g}, at most {max(nodes):g} on a node"
            raise UserError(cause, f"{there}: give them less by `placement.engines`.")

    def _gpus(self, name: str) -> float:
        placed = self._recipe.placed(name).gpus
        return self._recipe.engines[name].gpus if placed is None else placed

    def _replicas(self, name: str) -> Replicas[EngineCopy]:
        """The engine's copies, made at the first call."""
        if name not in self._actors:
            gpus = self._gpus(name) if ray.cluster_resources().get("GPU") else 0
            kind = _spread(EngineActor, num_gpus=gpus, max_restarts=_RESTARTS)
            actors = [
                kind.remote(self._recipe.engines[name], os.environ.get("OMP_NUM_THREADS"))
                for _ in range(self._recipe.placed(name).replicas)
            ]
            self._actors[name] = Replicas([EngineCopy(actor) for actor in actors])
        return self._actors[name]

    def close(self) -> None:
        """See `Executor`."""
        self._closed.set()
        for copies in self._actors.values():
            for copy in copies.all:
                # An actor that is dead already is all that is wanted.
                with contextlib.suppress(ray.exceptions.RayError):
                    ray.get(copy.actor.close.remote(), timeout=30)
                ray.kill(copy.actor)
        for worker in list(self._load):
            ray.kill(worker)
        if ray.is_initialized():
            ray.shutdown()


def _spread(kind: type, **options: Any) -> Any:
    """An actor class whose actors a cluster's nodes share.

    An actor that wants nothing at all is sent to a node by chance, whatever the strategy: of 6
    pairs, 3 landed on one node. So it wants a byte of memory.
    """
    fixed = {"num_cpus": 0, "max_concurrency": 1000, "scheduling_strategy": "SPREAD", "memory": 1}
    return ray.remote(**fixed, **options)(kind)


def _worker() -> Any:
    return _spread(Worker).remote()


def _cause(error: BaseException | None) -> BaseException | None:
    """What the work raised, unwrapped; `EngineLost` or `WorkerDied` for what broke in Ray."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BowerbirdError | EngineError | WorkerDied | UpstreamError):
        return cause
    if isinstance(cause, ray.exceptions.ActorDiedError):
        return EngineLost(f"the engine's process died ({first_line(cause)})")
    if isinstance(cause, ray.exceptions.RayActorError):
        return WorkerDied(f"the engine's process died ({first_line(cause)})")
    if isinstance(error, ray.exceptions.RayError) and not isinstance(
        error, ray.exceptions.RayTaskError
    ):
        return WorkerDied(f"a process of the run died ({first_line(error)})")
    return error
