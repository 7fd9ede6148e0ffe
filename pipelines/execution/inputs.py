"""The units of work of a step: seeds cut into shards, one shard each, or all of them at once."""

import hashlib
from collections.abc import Iterable, Iterator

import pyarrow as pa

from pipelines.execution.fates import row_id
from pipelines.execution.feed import Feed
from pipelines.execution.work import Input, Work
from pipelines.plan import IDENTITY, Step
from pipelines.store.manifest import Shard
from pipelines.store.store import Store


def works(
    step: Step, before: Step | None, upstream: Feed | None, store: Store, size: int
) -> Iterator[Work]:
    """Work as it becomes possible. `size`: rows in a shard, where the step makes the first.

    Raises:
        Upstream: the step before broke off.
    """
    # Resolved, because a task on Ray runs in another folder.
    folder = store.stage(step.folder).resolve()
    if before is None or upstream is None:
        for given in _seeds(step, size):
            yield Work(step, folder, (given,))
    elif step.whole:
        shards = tuple(sorted(upstream, key=lambda shard: shard.index))
        yield Work(step, folder, tuple(_together(shards, before, store)), shards)
    else:
        for shard in upstream:
            yield Work(step, folder, (_input(shard, before, store, shard.part.sha256),))


def _seeds(step: Step, size: int) -> Iterator[Input]:
    rows = step.stage.seeds() or ()
    schema = pa.schema([*IDENTITY.items(), *step.stage.adds.items()])
    for index, start in enumerate(range(0, len(rows), size)):
        made = [
            {**row, "id": row_id(step.fingerprint, number), "parents": []}
            for number, row in enumerate(rows[start : start + size], start)
        ]
        digest = _digest(str(row["id"]) for row in made)
        yield Input(index, digest, seeds=pa.Table.from_pylist(made, schema=schema))


def _together(shards: Iterable[Shard], before: Step, store: Store) -> Iterator[Input]:
    """Inputs of a set stage: each depends on all of them."""
    listed = list(shards)
    whole = _digest(shard.part.sha256 for shard in listed)
    for shard in listed:
        yield _input(shard, before, store, _digest([whole, str(shard.index)]))


def _input(shard: Shard, before: Step, store: Store, digest: str) -> Input:
    return Input(shard.index, digest, store.stage(before.folder).resolve(), shard.part)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
