"""Run a job: its steps side by side, in as many passes as its budget allows."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from pipelines.execution.executor import Executor
from pipelines.execution.steps.budget_tracker import BudgetTracker
from pipelines.execution.steps.conditions import Conditions
from pipelines.execution.steps.gate import Gate
from pipelines.execution.steps.incoming import Incoming, Origin
from pipelines.execution.steps.shard_stream import UpstreamError
from pipelines.execution.steps.stage_run import StageRun
from pipelines.execution.steps.tasks import shard_rows
from pipelines.execution.watch import Watch
from pipelines.plan.steps import Step
from pipelines.run.job import Job, first_engines
from pipelines.run.record import Pass, recorded, undisturbed
from pipelines.store import runs
from pipelines.store.lease import Lease
from pipelines.store.log import log
from pipelines.store.log.manifest import Manifest
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
        passes: list[Pass] = []
        meter = BudgetTracker(job.recipe.budget, job.steps, dict(job.recipe.prices), _in_store(job))
        try:
            with recorded(job, passes) as ended:
                for engine in first_engines(job):
                    executor.warm(engine)
                while not passes or _has_more([each[0].given.budget for each in passes]):
                    passes.append(_stage_runs(job, lease, executor, watch, meter))
                    run_steps(passes[-1])
                    meter = meter.fresh()
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


def _in_store(job: Job) -> dict[str, Manifest]:
    """What the store has of the steps already, whichever run paid for it."""
    found = {step.name: log.read(job.store.stage(step.folder)) for step in job.steps}
    return {name: manifest for name, manifest in found.items() if manifest is not None}


def _bury(store: Store, lease: Lease) -> None:
    """Close the records of runs that died without recording it: we hold the only lease."""
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
        budget=meter,
        gates={name: Gate(rows) for name, rows in room.items()},
        wanted=job.wanted,
        as_it_was=job.as_it_was,
    )
    made: dict[str, StageRun] = {}
    for position, step in enumerate(job.steps):
        made[step.name] = _stage_run(step, position, given, made)
    return list(made.values())


def _stage_run(
    step: Step, position: int, given: Conditions, made: Mapping[str, StageRun]
) -> StageRun:
    """The step with the streams of those before it, which are `made`."""

    def incoming(names: Sequence[str], chains: Sequence[str] = ()) -> Incoming:
        origins = []
        for name, chain in itertools.zip_longest(names, chains, fillvalue=""):
            before = made[name]
            folder = given.store.stage(before.step.folder)
            origins.append(Origin(folder, before.out, before.span, chain))
        return Incoming(tuple(origins))

    return StageRun(
        step,
        position,
        given,
        incoming(step.after, step.chains) if step.after else None,
        {chain: incoming(names) for chain, names in step.reads.items()},
        [[made[name].out for name in each.steps] for each in step.conditions],
    )


def _shard_rows(job: Job) -> int:
    if job.recipe.placement.shard_rows is not None:
        return job.recipe.placement.shard_rows
    capacities = [engine.capacity for step in job.steps for engine in step.engines.values()]
    rows = max(step.stage.count_initial_rows() for step in job.steps if not step.after)
    return shard_rows(rows, capacities)


def run_in_threads(stage_runs: Sequence[StageRun]) -> None:
    """A `StepRunner`: a thread per step, in this process.

    Raises:
        Exception: what broke the first step that broke.
    """
    errors: list[BaseException] = []

    def one(stage_run: StageRun) -> None:
        try:
            stage_run.run()
        except UpstreamError:
            pass  # the step that broke says why
        except BaseException as error:  # noqa: BLE001  raised again below
            errors.append(error)

    threads = [threading.Thread(target=one, args=(each,), daemon=True) for each in stage_runs]
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
