"""Run a job: its steps side by side, in as many passes as its budget allows."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from msgspec import structs

from pipelines.execution.executor import Executor
from pipelines.execution.steps.budget_tracker import BudgetTracker
from pipelines.execution.steps.conditions import Conditions
from pipelines.execution.steps.gate import Gate
from pipelines.execution.steps.shard_stream import UpstreamError
from pipelines.execution.steps.stage_run import StageRun
from pipelines.execution.steps.tasks import shard_rows
from pipelines.execution.watch import Watch
from pipelines.run.job import Job, needed_engines
from pipelines.run.record import recorded, undisturbed
from pipelines.store import runs
from pipelines.store.lease import Lease
from pipelines.store.runs import Run
from pipelines.store.store import Store

StepRunner = Callable[[Sequence[StageRun]], None]
"""Runs all steps side by side and returns when they are done."""


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
            with recorded(job, meters) as ended:
                for engine in needed_engines(job)[:1]:
                    executor.warm(engine)
                run_steps(_stage_runs(job, lease, executor, watch, meters[-1]))
                while _has_more(meters):
                    meters.append(meters[-1].anew())
                    run_steps(_stage_runs(job, lease, executor, watch, meters[-1]))
        finally:
            with undisturbed():
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
