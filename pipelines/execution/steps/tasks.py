"""The units of work of a step: seeds cut into shards, one shard each, or all of them at once.

A first stage's shards are numbered by their first row. So rows keep their order however they are
cut, and a run that cuts otherwise than the one before it cuts around what is committed.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.execution.shards.fates import row_id
from pipelines.execution.shards.shard_task import Input, ShardTask
from pipelines.execution.steps.shard_stream import ShardStream
from pipelines.plan.steps import IDENTITY, Step
from pipelines.store.log.manifest import Shard
from pipelines.store.store import Store


class Tasks(NamedTuple):
    """What a step's work is made of.

    `size`: rows in a shard, where the step makes the first; `cuts`: of shards that are committed
    already, the rows by their index.
    """

    step: Step
    before: Step | None
    store: Store
    size: int
    cuts: Mapping[int, int]

    def works(self, upstream: ShardStream | None) -> Iterator[ShardTask]:
        """Work as it becomes possible.

        Raises:
            Upstream: the step before broke off.
        """
        folder = self.store.stage(self.step.folder)
        if self.before is None or upstream is None:
            for given in self._seeds():
                yield ShardTask(self.step, folder, (given,))
        elif self.step.whole:
            shards = tuple(sorted(upstream, key=lambda shard: shard.index))
            yield ShardTask(self.step, folder, tuple(self._together(shards)), shards)
        else:
            for shard in upstream:
                yield ShardTask(self.step, folder, (self._input(shard, shard.part.sha256),))

    def _seeds(self) -> Iterator[Input]:
        rows = iter(self.step.stage.initial_rows() or ())
        schema = pa.schema([*IDENTITY.items(), *self.step.renaming.adds.items()])
        cuts = self.cuts if _is_cut_by_rows(self.cuts) else {}
        starts = sorted(cuts)
        position = 0
        while True:
            following = next((start for start in starts if start > position), None)
            size = cuts.get(position) or self.size
            if following is not None:
                size = min(size, following - position)
            seeds = list(itertools.islice(rows, size))
            if not seeds:
                return
            made: list[dict[str, Any]] = [
                {**self.step.renaming.row(seed), "id": self._id(number), "parents": []}
                for number, seed in enumerate(seeds, position)
            ]
            digest = _digest(map(_named, made))
            table = pa.Table.from_pylist(made, schema=schema)
            yield Input(position, digest, len(made), seeds=table)
            position += len(made)

    def _id(self, number: int) -> str:
        return row_id(self.step.fingerprint, number)

    def _together(self, shards: tuple[Shard, ...]) -> Iterator[Input]:
        """Inputs of a set stage: each depends on all of them."""
        whole = _digest(shard.part.sha256 for shard in shards)
        for shard in shards:
            yield self._input(shard, _digest([whole, str(shard.index)]))

    def _input(self, shard: Shard, digest: str) -> Input:
        if self.before is None:
            raise ValueError("the first step has no input")
        folder = self.store.stage(self.before.folder)
        return Input(shard.index, digest, shard.part.rows, folder, shard.part)


def _is_cut_by_rows(cuts: Mapping[int, int]) -> bool:
    """Whether shards are numbered by their first row; Bowerbird 0.1.0 counted shards."""
    return all(a + cuts[a] <= b for a, b in itertools.pairwise(sorted(cuts)))


def _named(row: Mapping[str, Any]) -> str:
    """The id of a seed and what it says: a file may change under a fingerprint."""
    said = {name: value for name, value in row.items() if name not in IDENTITY}
    return (
        f"{row['id']} {json.dumps(said, sort_keys=True, default=str)}" if said else str(row["id"])
    )


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def shard_rows(rows: int, capacities: Iterable[int]) -> int:
    """Rows in a shard where the recipe does not say: the same for the same recipe.

    A thirty-second of the rows, so that what is done shows and goes on to the next stage; at least
    8, for each shard costs some milliseconds; at most 256, so that few wait for the slowest of
    them, or where there are very many up to 1024. An engine with room for more gets more.
    """
    least = max([8, *(capacity // 64 for capacity in capacities)])
    return max(least, min(rows // 32, 256), min(rows // 256, 1024))
