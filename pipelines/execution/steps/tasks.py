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
from pipelines.execution.shards.inputs import Input
from pipelines.execution.shards.shard_task import ShardTask
from pipelines.execution.steps.incoming import Incoming
from pipelines.plan.steps import IDENTITY, Step
from pipelines.store.files.folder import Folder
from pipelines.store.log.manifest import Shard


class Tasks(NamedTuple):
    """What a step's work is made of.

    `incoming`: the shards that come to it, None for a step that makes its own rows; `beside`: by
    the chain's name, what a set stage reads as well. `size`: rows in a shard, where the step makes
    the first; `cuts`: of shards that are committed already, the rows by their index.
    """

    step: Step
    folder: Folder
    incoming: Incoming | None
    beside: Mapping[str, Incoming]
    size: int
    cuts: Mapping[int, int]

    def works(self) -> Iterator[ShardTask]:
        """Work as it becomes possible.

        Raises:
            UpstreamError: a step before broke off.
        """
        if self.incoming is None:
            for given in self._seeds():
                yield ShardTask(self.step, self.folder, (given,))
        elif self.step.whole:
            together = self._together(self.incoming)
            # Held against a part of what it reads, a row would pass that ought not to.
            if not any(each.capped for each in self.beside.values()):
                yield together
        else:
            for shard in self.incoming:
                given = self.incoming.input(shard, shard.part.sha256)
                yield ShardTask(self.step, self.folder, (given,))

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

    def _together(self, incoming: Incoming) -> ShardTask:
        """The work of a set stage: each of its inputs depends on all of them."""
        shards = sorted(incoming, key=_index)
        beside = {name: sorted(each, key=_index) for name, each in self.beside.items()}
        whole = _digest(s.part.sha256 for s in itertools.chain(shards, *beside.values()))
        inputs = (incoming.input(s, _digest([whole, str(s.index)])) for s in shards)
        read = {
            name: tuple(self.beside[name].input(s, s.part.sha256) for s in found)
            for name, found in beside.items()
        }
        return ShardTask(self.step, self.folder, tuple(inputs), read)


def _index(shard: Shard) -> int:
    return shard.index


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

    A sixteenth of the rows, so that what is done shows and goes on to the next stage (with a
    thirty-second 4,000 rows without latency took 3.5 s instead of 2.9, and calls that take time
    went no faster); at least 8, for each shard costs some milliseconds; at most 256, so that few
    wait for the slowest of them, or where there are very many up to 1024. An engine with room for
    more gets more.
    """
    least = max([8, *(capacity // 128 for capacity in capacities)])
    return max(least, min(rows // 16, 256), min(rows // 256, 1024))
