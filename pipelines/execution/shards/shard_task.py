"""One unit of work: a step on one shard (or, for a set stage, on all of them)."""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pyarrow as pa

from pipelines.execution.engines.reply_log import CachingClient, Client, ReplyLog, Tape
from pipelines.execution.shards import calls
from pipelines.execution.shards.call_usage import CallUsage
from pipelines.execution.shards.calls import Heard, unheard
from pipelines.execution.shards.catch_bugs import catch_bugs
from pipelines.execution.shards.fates import Settled, settle
from pipelines.execution.shards.inputs import Input, InputReader, rows_for
from pipelines.execution.shards.row_seeds import with_seed
from pipelines.plan.steps import Step
from pipelines.store.files import marks, shards
from pipelines.store.files.folder import Folder
from pipelines.store.log.manifest import NO_FILE, File, Shard
from stages.base import Failed, Fate, GroupStage, MultiCallStage, RowStage, SetStage, Stage
from stages.errors import RunError

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ShardTask:
    """`inputs`: one shard, or for a set stage all of them. Files go to `folder`."""

    step: Step
    folder: Folder
    inputs: tuple[Input, ...]
    beside: Mapping[str, tuple[Input, ...]] = field(default_factory=dict)
    """By the chain's name, what a set stage reads beside its own rows."""
    tape: Tape | None = None
    """Of a prompt stage: where its answers are kept."""
    only: int | None = None
    """Decide this row alone and write nothing: the way to find the one that kills."""
    poisoned: Mapping[int, str] = field(default_factory=dict)
    """Rows that are not to be tried, with the cause."""

    def again(self) -> "ShardTask":
        """The same work for another replica."""
        return replace(self, tape=self.tape.again() if self.tape else None)


def do(work: ShardTask) -> list[Shard]:
    """Give every row its fate by a stage that asks nobody; write the shards.

    The caller commits them.
    """
    if isinstance(work.step.stage, SetStage):
        return _do_set(work, work.step.stage)
    (given,) = work.inputs
    started = time.monotonic()
    table = rows_for(work.step, given)
    tried = work.step.renaming.read(_tried(work, table))
    fates = decide(work.step.stage, work.step.fingerprint, tried)
    if work.only is not None:
        return []
    return [_finish(work, table, fates, CallUsage(), started)]


async def ask(
    work: ShardTask, clients: Mapping[str, Client], heard: Heard = unheard
) -> list[Shard]:
    """The same by a stage that asks models; what blocks is done in other threads.

    `clients`: by the engine's name; none where a cassette knows all answers.

    Raises:
        RunError: the engine is dead, or lost a request.
    """
    (given,) = work.inputs
    stage = work.step.stage
    if not isinstance(stage, MultiCallStage) or work.tape is None:
        raise TypeError(f"{type(stage).__name__} asks nobody")
    started = time.monotonic()
    table = await asyncio.to_thread(rows_for, work.step, given)
    log = await asyncio.to_thread(ReplyLog, work.tape)
    remembering = {
        name: CachingClient(clients.get(name), log, engine.identity())
        for name, engine in work.step.engines.items()
    }
    try:
        tried = work.step.renaming.read(_tried(work, table))
        fates, spent = await calls.run(
            stage, work.step.fingerprint, tried, remembering, heard, log.write
        )
        await log.synchronised()
    finally:
        log.close()
    if work.only is not None:
        return []
    return [await asyncio.to_thread(_finish, work, table, fates, spent, started)]


def _tried(work: ShardTask, table: pa.Table) -> pa.Table:
    """The rows that are to be decided."""
    if work.only is not None:
        return table.slice(work.only, 1)
    if not work.poisoned:
        return table
    healthy = [i for i in range(table.num_rows) if i not in work.poisoned]
    return table.take(pa.array(healthy, pa.int64()))


def _finish(
    work: ShardTask, table: pa.Table, decided: Sequence[Fate], spent: CallUsage, started: float
) -> Shard:
    rest = iter(decided)
    fates = [
        Failed("process.died", work.poisoned[i]) if i in work.poisoned else next(rest)
        for i in range(table.num_rows)
    ]
    settled = settle(work.step, table, fates)
    return _write(work, work.inputs[0], settled, spent, time.monotonic() - started)


def decide(stage: Stage, fingerprint: str, table: pa.Table) -> Sequence[Fate]:
    """One fate per row of `table`, in order, by a stage that asks nobody."""
    given = with_seed(table, stage.needs, fingerprint)
    if isinstance(stage, GroupStage):
        return _by_groups(stage, given)
    if not isinstance(stage, RowStage):
        raise TypeError(f"{type(stage).__name__} works on no single table")
    return [catch_bugs(stage.decide, row) for row in given.to_pylist()]


def _by_groups(stage: GroupStage, table: pa.Table) -> list[Fate]:
    """Group by group: what breaks the stage costs its group."""
    rows = table.to_pylist()
    fates: dict[int, Fate] = {}
    for group in _groups(table):
        decided = catch_bugs(stage.decide, [rows[i] for i in group])
        if isinstance(decided, Failed):
            decided = [decided] * len(group)
        fates |= dict(zip(group, decided, strict=True))
    return [fates[i] for i in range(len(rows))]


def _groups(table: pa.Table) -> list[list[int]]:
    """Positions of rows that have the same parents, in the order of their first."""
    found: dict[tuple[str, ...], list[int]] = {}
    keys = zip(table["parents"].to_pylist(), table["id"].to_pylist(), strict=True)
    for position, (parents, row_id) in enumerate(keys):
        found.setdefault(tuple(parents or [row_id]), []).append(position)
    return list(found.values())


def _do_set(work: ShardTask, stage: SetStage) -> list[Shard]:
    """Shard by shard, as the stage gives its fates: one shard's are held at a time."""
    started = time.monotonic()
    rows = work.step.renaming.reader(InputReader(work.inputs, work.beside))
    fates = _unbroken(work, lambda: iter(stage.run(rows, work.step.seed)))
    written = []
    for given in work.inputs:
        table = given.read()
        mine = _unbroken(work, lambda count: list(itertools.islice(fates, count)), table.num_rows)
        took = (time.monotonic() - started) / len(work.inputs)
        written.append(_write(work, given, settle(work.step, table, mine), CallUsage(), took))
    if _unbroken(work, lambda: next(fates, None)) is not None:
        raise RunError(f"{work.step.name} gave more fates than rows", "This is a bug of the stage.")
    return written


def _unbroken(work: ShardTask, call: Callable[..., Result], *args: Any) -> Result:
    """What a set stage gives; its bug has no row that it could cost, so it ends the run."""
    found = catch_bugs(call, *args)
    if isinstance(found, Failed):
        raise RunError(f"{work.step.name} broke: {found.detail.strip().splitlines()[-1]}")
    return found


def _write(
    work: ShardTask, given: Input, settled: Settled, spent: CallUsage, seconds: float
) -> Shard:
    part = shards.write(work.folder, f"part-{given.index:05}", settled.rows)
    beside: dict[str, File] = {}
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
        by_engine=spent.by_engine(len(work.step.engines)),
        marks=marks.write(work.folder, given.index, settled.rows, settled.rejected),
        rejected=beside["rejected"],
        spent=beside["spent"],
    )
