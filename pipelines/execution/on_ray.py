"""Work on Ray: shards are stateless tasks, engines are actors that are loaded once."""

import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pipelines.execution import work as unit
from pipelines.execution.work import Work
from pipelines.store.manifest import Shard
from stages.ask import Request
from stages.base import PromptStage
from stages.engines.base import Answer, Engine, EngineSpec
from stages.errors import BowerbirdError, EngineError, RunError, UserError, first_line

# No usage report leaves the machine, and workers run at normal priority: at Ray's niceness of 15
# the model would yield to everything else.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_worker_niceness", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray


class EngineActor:
    """An engine in a process of its own."""

    def __init__(self, spec: EngineSpec) -> None:
        # Ray gives an actor without CPUs of its own one thread; the model is to have all.
        os.environ["OMP_NUM_THREADS"] = str(os.cpu_count() or 1)
        self._spec = spec
        self._engine: Engine | None = None

    async def open(self) -> None:
        """Load it."""
        self._engine = self._spec.open()

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """One answer per request, as they finish."""
        if self._engine is None:
            raise EngineError("the engine was not opened", fatal=True)
        async for answer in self._engine.complete(requests):
            yield answer

    async def close(self) -> None:
        """Free it."""
        if self._engine is not None:
            await self._engine.close()


class ActorClient:
    """A `Client` that talks to an `EngineActor`."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def complete(self, requests: Sequence[Request]) -> Iterator[Answer]:
        """One answer per request, as they finish."""
        try:
            for reference in self._actor.complete.remote(requests):
                yield ray.get(reference)
        except ray.exceptions.RayActorError as error:
            cause = f"the engine's process died ({first_line(error)})"
            raise RunError(cause, "Run again.") from None


def _do(work: Work, client: ActorClient | None, opened: None) -> list[Shard]:
    return unit.do(work, client)


def _task(cpus: int) -> Any:
    return ray.remote(num_cpus=cpus, max_retries=2)(_do)


class RayExecutor:
    """Tasks on a local cluster, or on the one that `RAY_ADDRESS` names.

    The store must be a path that every node sees.
    """

    def __init__(self, engines: Mapping[str, EngineSpec]) -> None:
        self._engines = engines
        self._actors: dict[str, tuple[Any, Any]] = {}
        self._starting = threading.Lock()

    def submit(self, work: Work) -> "Future[list[Shard]]":
        """See `Executor`."""
        stage = work.step.stage
        with self._starting:
            start_cluster()
            if not isinstance(stage, PromptStage):
                return _unwrapped(_task(1).remote(work, None, None).future())
            actor, opened = self._actor(stage.engine)
        # A task that waits for an engine takes no core; the engine's own threads do. Ray starts it
        # when the engine is open.
        return _unwrapped(_task(0).remote(work, ActorClient(actor), opened).future())

    def warm(self, engine: str) -> None:
        """See `Executor`."""
        with self._starting:
            start_cluster()
            self._check_gpus()
            self._actor(engine)

    def _check_gpus(self) -> None:
        there = int(ray.cluster_resources().get("GPU", 0))
        wanted = sum(spec.gpus for spec in self._engines.values())
        if there and wanted > there:
            cause = f"the recipe's engines want {wanted} GPUs, the cluster has {there}"
            raise UserError(cause, "Share one engine between stages, or lower its parallelism.")

    def _actor(self, name: str) -> tuple[Any, Any]:
        """The engine's actor and the reference that is ready when it is loaded."""
        if name not in self._actors:
            spec = self._engines[name]
            gpus = spec.gpus if ray.cluster_resources().get("GPU") else 0
            kind = ray.remote(num_cpus=0, num_gpus=gpus, max_concurrency=256)(EngineActor)
            actor = kind.remote(spec)
            self._actors[name] = (actor, actor.open.remote())
        return self._actors[name]

    def close(self) -> None:
        """See `Executor`."""
        for actor, _ in self._actors.values():
            # An actor that is dead already is all that is wanted.
            with contextlib.suppress(ray.exceptions.RayError):
                ray.get(actor.close.remote(), timeout=30)
            ray.kill(actor)
        if ray.is_initialized():
            ray.shutdown()


def start_cluster() -> None:
    """Connect to `RAY_ADDRESS`, or start a cluster on this machine that listens to it alone."""
    if ray.is_initialized():
        return
    # Workers import the same code as this process, wherever it was started.
    root = str(Path(__file__).parents[2])
    settings: dict[str, Any] = {
        "runtime_env": {"env_vars": {"PYTHONPATH": root}},
        "log_to_driver": False,
        "logging_level": "ERROR",
    }
    if not os.environ.get("RAY_ADDRESS"):
        settings |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**settings)
    except (ConnectionError, ray.exceptions.RayError) as error:
        cause = f"Ray does not start ({first_line(error)})"
        remedy = "Check RAY_ADDRESS, or run with --local."
        raise UserError(cause, remedy) from None
    if threading.current_thread() is threading.main_thread():
        # Ray ends the process on SIGTERM; a run wants to close its record first.
        signal.signal(signal.SIGTERM, before)


def _cause(error: BaseException) -> BaseException:
    """What the task raised rather than Ray's wrapping of it; one line for what broke in Ray."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BowerbirdError | EngineError):
        return cause
    if isinstance(error, ray.exceptions.RayTaskError) or not isinstance(
        error, ray.exceptions.RayError
    ):
        return error
    died = f"a process of the run died ({first_line(error)})"
    return RunError(died, "Run again; watch the memory.")


def _unwrapped(future: "Future[list[Shard]]") -> "Future[list[Shard]]":
    plain: Future[list[Shard]] = Future()

    def forward(done: "Future[list[Shard]]") -> None:
        error = done.exception()
        if error is not None:
            plain.set_exception(_cause(error))
        else:
            plain.set_result(done.result())

    future.add_done_callback(forward)
    return plain
