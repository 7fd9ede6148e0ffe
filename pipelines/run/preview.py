"""The first rows of a recipe sent through the whole chain: to look at, or to estimate from."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.execution.executor import LocalExecutor
from pipelines.execution.watch import Silent
from pipelines.plan.steps import Step
from pipelines.recipe.parse import Recipe
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import Job, prepare
from pipelines.store.files import shards
from pipelines.store.files.shards import FolderReader
from pipelines.store.log import log
from pipelines.store.store import Store


@dataclass(frozen=True, slots=True)
class Gone:
    """A row that did not come through, and what its stage said of it."""

    row_id: str
    stage: str
    fate: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What became of the first rows: `became` of them, the first of these, and the others."""

    rows: list[dict[str, Any]]
    became: int
    gone: list[Gone]


def preview(recipe: Recipe, recipe_path: Path, rows: int) -> Preview:
    """Up to `rows` rows of what becomes of the first `rows`, and what was lost on the way.

    They are the very rows, ids and seeds that the full run has; but selection sees these rows
    only, of rounds there is one, and nothing is kept.
    """
    with tried(recipe, recipe_path, rows) as job:
        last = job.store.stage(job.steps[-1].folder)
        found = log.read(last)
        tables = FolderReader(last, found.shards if found else ()).tables()
        became = [row for table in tables for row in table.to_pylist()]
        gone = [row for step in job.steps for row in _gone(job.store, step)]
        return Preview(became[:rows], len(became), gone)


def _gone(store: Store, step: Step) -> Iterator[Gone]:
    folder = store.stage(step.folder)
    found = log.read(folder)
    for shard in found.shards if found else ():
        for row in shards.read(folder, shard.rejected).to_pylist() if shard.rejected.rows else ():
            yield Gone(row["id"], step.name, row["fate"], row["reason"], row["detail"])


@contextmanager
def tried(recipe: Recipe, recipe_path: Path, rows: int) -> Iterator[Job]:
    """A job that is done for the first `rows` rows, in a store that lasts as long as the block.

    Raises:
        BowerbirdError: the recipe cannot run, or had to stop.
    """
    with tempfile.TemporaryDirectory(prefix="bowerbird-preview-") as folder:
        job = prepare(recipe, recipe_path, Store.at(folder))
        # However many fail: what they failed of is what one looks for.
        limits = recipe.limits.model_copy(update={"failed": 1.0})
        job = replace(job, recipe=job.recipe.model_copy(update={"limits": limits}))
        # Fingerprints stay those of the full recipe, and with them every row's id and seed.
        job = replace(job, steps=tuple(_first(step, rows) for step in job.steps))
        execute(job, LocalExecutor.of(recipe), Silent(), run_in_threads)
        yield job


def _first(step: Step, rows: int) -> Step:
    """The step for the first rows: sources give no more, and no second round begins."""
    if step.conditions:
        none = tuple(replace(each, accepted=0) for each in step.conditions)
        return replace(step, conditions=none)
    if step.after or "rows" not in type(step.stage).model_fields:
        return step
    wanted = getattr(step.stage, "rows", None)
    fewer = rows if wanted is None else min(rows, wanted)
    stage = step.stage.model_copy(update={"rows": fewer})
    return replace(step, renaming=replace(step.renaming, stage=stage))
