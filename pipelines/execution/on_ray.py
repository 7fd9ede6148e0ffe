"""Work on Ray: shards are stateless tasks, engines are actors that are loaded once."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pipelines.execution import work as unit
from pipelines.execution.feed import Upstream
from pipelines.execution.lost import EngineLost, Lost
from pipelines.execution.replicas import Replicas
from pipelines.execution.supervised import Supervised
from pipelines.execution.work import Work
from pipelines.recipe import Recipe
from pipelines.store.manifest import Shard
from stages.ask import Request
from stages.base import PromptStage
from stages.engines.base import Answer, EngineSpec
from stages.errors import BowerbirdError, EngineError, UserError, first_line

# No usage report leaves the machine, and workers run at normal priority: at Ray's niceness of 15
# the model would yield to everything else.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_worker_niceness", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray

_RESTARTS = 100
"""Times that the process of an engine may die and is started again, in one run."""


class EngineActor:
    """An engine in a process of its own. It is loaded by whoever calls first."""

    def __init__(self, spec: EngineSpec) -> None:
        # Ray gives an actor without CPUs of its own one thread; the model is to have all.
        os.environ["OMP_NUM_THREADS"] = str(os.cpu_count() or 1)
        self._spec = spec
        self._engine: Supervised | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Load it, unless it is loaded."""
        async with self._opening:
            if self._engine is None:
                self._engine = Supervised(self._spec)

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[list[Answer]]:
        """One answer per request, as they finish; those that are there together in one list."""
        await self.open()
        assert self._engine is not None
        there: asyncio.Queue[Answer | BaseException | None] = asyncio.Queue()
        forwarding = asyncio.create_task(_forward(self._engine, requests, there))
        try:
            while answers := await _next(there):
                yield answers
        finally:
            forwarding.cancel()

    async def close(self) -> None:
        """Free it."""
        if self._engine is not None:
            await self._engine.close()


async def _forward(
    engine: Supervised,
    requests: Sequence[Request],
    there: "asyncio.Queue[Answer | BaseException | None]",
) -> None:
    try:
        async for answer in engine.complete(requests):
            there.put_nowait(answer)
    except Exception as error:  # noqa: BLE001  raised again where the answers are awaited
        there.put_nowait(error)
    else:
        there.put_nowait(None)


async def _next(there: "asyncio.Queue[Answer | BaseException | None]") -> list[Answer]:
    """What has come, at least one answer; nothing at the end."""
    found: list[Answer] = []
    while not found or not there.empty():
        answer = await there.get()
        if isinstance(answer, Answer):
            found.append(answer)
        elif found:
            there.put_nowait(answer)  # nothing comes after it: it is next
            break
        elif answer is None:
            break
        else:
            raise answer
    return found


class ActorClient:
    """A `Client` that talks to an `EngineActor`."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Answer]]:
        """One answer per request, as they finish; those that are there together in one list."""
        stream = self._actor.complete.remote(requests)
        try:
            for reference in stream:
                yield ray.get(reference)
        except ray.exceptions.ActorDiedError as error:
            raise EngineLost(f"the engine's process died ({first_line(error)})") from None
        except ray.exceptions.RayActorError as error:
            raise Lost(f"the engine's process died ({first_line(error)})") from None
        except ray.exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, EngineError):
                raise EngineLost(f"the engine cannot go on: {cause}", "Mend it.") from None
            raise
        finally:
            # Whoever stops listening early also stops the calls.
            ray.cancel(stream)


def _do(work: Work, client: ActorClient | None, opened: None) -> list[Shard]:
    return unit.do(work, client)


def _task(cpus: int) -> Any:
    # No retries of Ray's own: the step counts them, and a work's journal has one writer.
    return ray.remote(num_cpus=cpus, max_retries=0)(_do)


class _Copy:
    """An engine's actor, and the reference that is ready when it is loaded."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.opened = actor.open.remote()

    def reopen(self) -> None:
        """Wait for the process that Ray starts in place of one that died; no other call waits."""
        self.opened = self.actor.open.options(max_task_retries=-1).remote()


class RayExecutor:
    """Tasks on a local cluster, or on the one at `address` (or that `RAY_ADDRESS` names).

    The store must be one that every node sees: a shared folder or a bucket.
    """

    def __init__(self, recipe: Recipe, address: str | None = None) -> None:
        self._recipe, self._address = recipe, address
        self._actors: dict[str, Replicas[_Copy]] = {}
        self._starting = threading.Lock()
        self._closed = False

    def submit(self, work: Work) -> "Future[list[Shard]]":
        """See `Executor`."""
        done: Future[list[Shard]] = Future()
        stage = work.step.stage
        if not isinstance(stage, PromptStage) or (work.tape and not work.tape.cassettes.asks):
            with self._starting:
                start_cluster(self._address)
                sent = _task(1).remote(work, None, None).future()
            sent.add_done_callback(lambda ended: _pass_on(ended, done))
        else:
            self._ask(work, stage.engine, done)
        return done

    def _ask(self, work: Work, engine: str, done: "Future[list[Shard]]") -> None:
        """Send the work to a replica of the engine, and to another one if that is given up."""
        try:
            with self._starting:
                if self._closed:
                    raise Upstream
                start_cluster(self._address)
                copies = self._replicas(engine)
            number = copies.take()
        except Exception as error:  # noqa: BLE001  whoever waits for the work hears of it
            done.set_exception(error)
            return
        copy = copies.all[number]

        def ended(sent: "Future[list[Shard]]") -> None:
            error = _cause(sent.exception())
            if isinstance(error, EngineLost):
                copies.give_back(number, error)
                self._ask(work.again(), engine, done)
                return
            if isinstance(error, Lost) and not self._closed:
                copy.reopen()
            copies.give_back(number)
            _pass_on(sent, done)

        # A task that waits for an engine takes no core; the engine's own threads do. Ray starts
        # it when the engine is open.
        sent = _task(0).remote(work, ActorClient(copy.actor), copy.opened)
        sent.future().add_done_callback(ended)

    def warm(self, engine: str) -> None:
        """See `Executor`."""
        with self._starting:
            start_cluster(self._address)
            self._check_gpus()
            self._replicas(engine)

    def _check_gpus(self) -> None:
        """Ray would wait for ever for what no node has."""
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

    def _replicas(self, name: str) -> Replicas[_Copy]:
        """The engine's copies, made at the first call."""
        if name not in self._actors:
            gpus = self._gpus(name) if ray.cluster_resources().get("GPU") else 0
            kind = ray.remote(
                num_cpus=0,
                num_gpus=gpus,
                max_concurrency=256,
                max_restarts=_RESTARTS,
                # A cluster's nodes share the copies. An actor that wants nothing at all is sent to
                # a node by chance, whatever the strategy: of 6 pairs, 3 landed on one node.
                scheduling_strategy="SPREAD",
                memory=1,
            )(EngineActor)
            actors = [
                kind.remote(self._recipe.engines[name])
                for _ in range(self._recipe.placed(name).replicas)
            ]
            self._actors[name] = Replicas([_Copy(actor) for actor in actors])
        return self._actors[name]

    def close(self) -> None:
        """See `Executor`."""
        self._closed = True
        for copies in self._actors.values():
            for copy in copies.all:
                # An actor that is dead already is all that is wanted.
                with contextlib.suppress(ray.exceptions.RayError):
                    ray.get(copy.actor.close.remote(), timeout=30)
                ray.kill(copy.actor)
        if ray.is_initialized():
            ray.shutdown()


def start_cluster(address: str | None = None) -> None:
    """Connect to a cluster, or start one on this machine that listens to it alone."""
    if ray.is_initialized():
        return
    # Workers import the same code as this process, wherever it was started.
    root = str(Path(__file__).parents[2])
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    address = address or os.environ.get("RAY_ADDRESS")
    if address:
        _check_address(address)
        settings |= {"address": address}
        settings |= {"runtime_env": {"env_vars": {"PYTHONPATH": root}}}
    else:
        settings |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        # Inherited, because a runtime environment costs seconds per worker: none that Ray has
        # started beforehand fits it (3.5 s against 0.15 s to the first task).
        inherited = os.environ.get("PYTHONPATH", "")
        if root not in inherited.split(os.pathsep):
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, inherited]))
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**settings)
    except (OSError, ValueError, ray.exceptions.RayError) as error:
        cause = f"Ray does not start ({first_line(error)})"
        remedy = "Check --ray-address or RAY_ADDRESS, or run with --local."
        raise UserError(cause, remedy) from None
    if threading.current_thread() is threading.main_thread():
        # Ray ends the process on SIGTERM; a run wants to close its record first.
        signal.signal(signal.SIGTERM, before)


def _check_address(address: str) -> None:
    """Ray tries for minutes to reach a cluster that is not there."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        return  # "auto", or a client's address
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        cause = f"no Ray cluster answers at {address} ({error.strerror or error})"
        raise UserError(cause, "Check --ray-address or RAY_ADDRESS.") from None


def _cause(error: BaseException | None) -> BaseException | None:
    """What the task raised rather than Ray's wrapping of it; `Lost` for what broke in Ray."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BowerbirdError | EngineError | Lost):
        return cause
    broke = cause if isinstance(cause, ray.exceptions.RayActorError) else error
    if isinstance(broke, ray.exceptions.ActorDiedError):
        return EngineLost(f"the engine's process died ({first_line(broke)})")
    if isinstance(broke, ray.exceptions.RayActorError):
        return Lost(f"the engine's process died ({first_line(broke)})")
    if isinstance(error, ray.exceptions.RayError) and not isinstance(
        error, ray.exceptions.RayTaskError
    ):
        return Lost(f"a process of the run died ({first_line(error)})")
    return error


def _pass_on(ended: "Future[list[Shard]]", done: "Future[list[Shard]]") -> None:
    error = _cause(ended.exception())
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(ended.result())
