"""Compute again what `repair` took out of a store: by the recipes of the runs that had it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from pipelines.execution.engines.reply_log import Cassettes
from pipelines.execution.executor import executor_for
from pipelines.execution.watch import Watch
from pipelines.recipe import foreign
from pipelines.recipe.money import Budget
from pipelines.recipe.parse import parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import Job, prepare
from pipelines.store import runs as records
from pipelines.store import seen
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from pipelines.store.upkeep.verify import lost
from stages.errors import UserError


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A run whose dataset is whole again; `same`: it is the one that was recorded."""

    run: Run
    same: bool


def affected(store: Store) -> list[Run]:
    """Done runs that miss rows; of several with the same stages the last."""
    found = {
        # What a capped run saw is its own.
        (run.id if run.status == "capped" else "", *(step.folder for step in run.steps)): run
        for run in store.all_runs()
        if any(_misses(store, run, step) for step in run.steps)
    }
    return list(found.values())


def _as_far_as(run: Run, job: Job) -> Job:
    """The job for the shards that a capped run saw and no others, whatever is left of its budget.

    What it lost was paid for, so the budget does not hold it back.
    """
    wanted = {
        step.name: frozenset(shard.index for shard in (there.shards if there is not None else ()))
        for step in run.steps
        for there in [seen.manifest(job.store, run, step)]
    }
    return replace(job, recipe=job.recipe.model_copy(update={"budget": Budget()}), wanted=wanted)


def _misses(store: Store, run: Run, step: RunStep) -> bool:
    there = seen.manifest(store, run, step)
    if seen.incomplete(run, step, there):
        return True
    # What a budget kept short has shards that the log may have lost; the same run makes them again.
    return run.status == "capped" and bool(lost(store.stage(step.folder), step.folder, there))


def rebuild(
    store: Store,
    runs: list[Run],
    cassettes: Cassettes,
    watching: Callable[[Job], AbstractContextManager[Watch]],
    *,
    trusted: bool = False,
) -> Iterator[Rebuilt]:
    """Run the recipes again, in this process; what is committed is not computed.

    A record says what it said until its run is whole again. `trusted`: whether engines
    may be opened that the records name.

    Raises:
        UserError: an engine is missing, the recipe would make other rows today, or its engines
            are not harmless and not trusted.
        RunError: a run had to stop; the same call again goes on.
    """
    for run in runs:
        if not trusted:
            remedy = "If this store is yours, repair it with --trust-recipes; or give --replay."
            for name, engine in run.source["engines"].items():
                foreign.check(name, engine, f"the record of {run.id}", remedy)
        path = Path(run.recipe_path)
        recipe = parse(run.source, path.parent)
        job = prepare(recipe, path, store, run.scheduled, cassettes)
        now = {step.folder for step in job.steps}
        # Rounds that were not needed are not in the record.
        if job.steps[-1].folder != run.steps[-1].folder or any(
            s.folder not in now for s in run.steps
        ):
            cause = (
                f"the recipe of {run.id} computes other stages today (`plan --explain` says why)"
            )
            remedy = f"Run it again; then delete {store.run(run.id).uri()}, which is not whole."
            raise UserError(cause, remedy)
        job = replace(job, as_it_was=True)
        if run.status == "capped":
            job = _as_far_as(run, job)
        with watching(job) as watch:
            done = execute(job, executor_for(recipe, local=True), watch, run_in_threads)
        store.run(done.id).drop()
        if run.status == "capped":
            # It sees the shards that it saw: they are there again, or still amiss.
            yield Rebuilt(run, not any(_misses(store, run, step) for step in run.steps))
            continue
        whole = structs.replace(run, steps=done.steps, content=done.content)
        records.write(store.runs, whole)
        yield Rebuilt(whole, done.content == run.content)
