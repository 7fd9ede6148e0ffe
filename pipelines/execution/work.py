"""One unit of work: a step on one shard (or, for a set stage, on all of them)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from pipelines.execution import calls
from pipelines.execution.attempt import attempt
from pipelines.execution.fates import Settled, settle
from pipelines.execution.spent import Spent
from pipelines.execution.tape import Client, Remembering, Tape
from pipelines.plan import Step
from pipelines.store import shards
from pipelines.store.folder import Folder
from pipelines.store.manifest import NO_FILE, File, Shard
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
    rows: int
    folder: Folder | None = None
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
    folder: Folder
    inputs: tuple[Input, ...]
    upstream: tuple[Shard, ...] = ()
    """The committed shards of a set stage's input."""
    tape: Tape | None = None
    """Of a prompt stage: where its answers are kept."""
    only: int | None = None
    """Decide this row alone and write nothing: the way to find the one that kills."""
    poisoned: Mapping[int, str] = field(default_factory=dict)
    """Rows that are not to be tried, with the cause."""

    def again(self) -> "Work":
        """The same work for another replica."""
        return replace(self, tape=self.tape.again() if self.tape else None)


def do(work: Work, client: Client | None) -> list[Shard]:
    """Give every input row its fate and write the shards; the caller commits them."""
    if isinstance(work.step.stage, SetStage):
        return _do_set(work, work.step.stage)
    (given,) = work.inputs
    started = time.monotonic()
    table = given.read()
    if work.only is not None:
        _decide(work, table.slice(work.only, 1), client)
        return []
    tried = [i for i in range(table.num_rows) if i not in work.poisoned]
    healthy = table if len(tried) == table.num_rows else table.take(pa.array(tried, pa.int64()))
    decided, spent = _decide(work, healthy, client)
    fates = dict(zip(tried, decided, strict=True))
    fates |= {i: Failed("process.died", cause) for i, cause in work.poisoned.items()}
    settled = settle(work.step, table, [fates[i] for i in range(table.num_rows)])
    return [_write(work, given, settled, spent, time.monotonic() - started)]


def _decide(work: Work, table: pa.Table, client: Client | None) -> tuple[Sequence[Fate], Spent]:
    step = work.step
    if work.tape is None or step.engine is None:
        return decide(step.stage, step.fingerprint, table, client)
    remembering = Remembering(client, work.tape, step.engine.identity())
    try:
        return decide(step.stage, step.fingerprint, table, remembering)
    finally:
        remembering.close()


def decide(
    stage: Stage, fingerprint: str, table: pa.Table, client: Client | None
) -> tuple[Sequence[Fate], Spent]:
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
    return fates, Spent()


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
        took = (time.monotonic() - started) / len(work.inputs)
        written.append(_write(work, given, settle(work.step, table, mine), Spent(), took))
    return written


def _write(work: Work, given: Input, settled: Settled, spent: Spent, seconds: float) -> Shard:
    part = shards.write(work.folder, f"part-{given.index:05}", settled.rows)
    beside = {}
    for name, table in (("rejected", settled.rejected), ("spent", spent.table())):
        wanted = table.num_rows > 0
        stem = f"{name}-{given.index:05}"
        beside[name] = shards.write(work.folder, stem, table) if wanted else NO_FILE
    return Shard(
        index=given.index,
        input=given.digest,
        part=part,
        counts=settled.counts,
        reasons=settled.reasons,
        usage=spent.usage(seconds),
        ids=shards.ids(settled.rows, settled.rejected),
        **beside,
    )
