"""One unit of work: a step on one shard (or, for a set stage, on all of them)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.execution import calls
from pipelines.execution.attempt import attempt
from pipelines.execution.calls import Client
from pipelines.execution.fates import Settled, settle
from pipelines.plan import Step
from pipelines.store import shards
from pipelines.store.manifest import File, Shard, Usage
from pipelines.store.shards import FolderReader
from stages.base import Failed, Fate, PromptStage, SetStage, Stage, TableStage
from stages.errors import RunError


@dataclass(frozen=True, slots=True)
class Input:
    """The rows of one shard: a committed file of the step before, or seeds in memory.

    `digest` names the rows; a shard made of them is reused for the same digest only.
    """

    index: int
    digest: str
    folder: Path | None = None
    file: File | None = None
    seeds: pa.Table | None = None

    def read(self) -> pa.Table:
        """The rows."""
        if self.seeds is not None:
            return self.seeds
        if self.folder is None or self.file is None:
            raise ValueError("an input has a file or seeds")
        return shards.read(self.folder, self.file)


@dataclass(frozen=True, slots=True)
class Work:
    """`inputs`: one shard, or for a set stage all of them. Files go to `folder`."""

    step: Step
    folder: Path
    inputs: tuple[Input, ...]
    upstream: tuple[Shard, ...] = ()
    """The committed shards of a set stage's input."""


def do(work: Work, client: Client | None) -> list[Shard]:
    """Give every input row its fate and write the shards; the caller commits them."""
    if isinstance(work.step.stage, SetStage):
        return _do_set(work, work.step.stage)
    (given,) = work.inputs
    started = time.monotonic()
    table = given.read()
    fates, usage = decide(work.step.stage, work.step.fingerprint, table, client)
    settled = settle(work.step, table, fates)
    took = usage.model_copy(update={"seconds": time.monotonic() - started})
    return [_write(work, given, settled, took)]


def decide(
    stage: Stage, fingerprint: str, table: pa.Table, client: Client | None
) -> tuple[Sequence[Fate], Usage]:
    """One fate per row of `table`, in order, by a prompt stage or a table stage.

    Raises:
        RunError: the engine is dead, or lost a request.
    """
    if isinstance(stage, PromptStage):
        if client is None:
            raise ValueError(f"{type(stage).__name__} needs an engine")
        return calls.run(stage, fingerprint, table, client)
    if not isinstance(stage, TableStage):
        raise TypeError(f"{type(stage).__name__} works on no single table")
    fates = attempt(stage.apply, table)
    if isinstance(fates, Failed):
        # The shard breaks the stage: find the rows that do, so that the others go on.
        fates = [_alone(stage, table.slice(i, 1)) for i in range(table.num_rows)]
    return fates, Usage()


def _alone(stage: TableStage, row: pa.Table) -> Fate:
    fates = attempt(stage.apply, row)
    return fates if isinstance(fates, Failed) else fates[0]


def _do_set(work: Work, stage: SetStage) -> list[Shard]:
    started = time.monotonic()
    folder = work.inputs[0].folder if work.inputs else None
    if folder is None:
        return []
    fates = attempt(lambda: list(stage.run(FolderReader(folder, work.upstream), work.step.seed)))
    if isinstance(fates, Failed):
        raise RunError(f"{work.step.name} broke: {fates.detail.strip().splitlines()[-1]}")
    written = []
    done = 0
    for given in work.inputs:
        table = given.read()
        mine = fates[done : done + table.num_rows]
        done += table.num_rows
        took = Usage(seconds=(time.monotonic() - started) / len(work.inputs))
        written.append(_write(work, given, settle(work.step, table, mine), took))
    return written


def _write(work: Work, given: Input, settled: Settled, usage: Usage) -> Shard:
    # Named by its input too: a shard cut differently never takes the place of a committed one.
    name = f"{given.index:05}-{given.digest[:8]}.parquet"
    part = shards.write(work.folder, f"part-{name}", settled.rows)
    rejected = shards.write(work.folder, f"rejected-{name}", settled.rejected)
    return Shard(
        index=given.index,
        input=given.digest,
        part=part,
        rejected=rejected,
        counts=settled.counts,
        reasons=settled.reasons,
        usage=usage,
    )
