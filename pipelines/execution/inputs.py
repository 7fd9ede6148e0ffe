"""The units of work of a step: seeds cut into shards, one shard each, or all of them at once."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from pipelines.execution.fates import row_id
from pipelines.execution.feed import Feed
from pipelines.execution.work import Input, Work
from pipelines.plan import IDENTITY, Step
from pipelines.store.manifest import Shard
from pipelines.store.store import Store


class Inputs(NamedTuple):
    """What a step's work is made of. `size`: rows in a shard, where the step makes the first."""

    step: Step
    before: Step | None
    store: Store
    size: int

    def works(self, upstream: Feed | None) -> Iterator[Work]:
        """Work as it becomes possible.

        Raises:
            Upstream: the step before broke off.
        """
        folder = self.store.stage(self.step.folder)
        if self.before is None or upstream is None:
            for given in self._seeds():
                yield Work(self.step, folder, (given,))
        elif self.step.whole:
            shards = tuple(sorted(upstream, key=lambda shard: shard.index))
            yield Work(self.step, folder, tuple(self._together(shards)), shards)
        else:
            for shard in upstream:
                yield Work(self.step, folder, (self._input(shard, shard.part.sha256),))

    def _seeds(self) -> Iterator[Input]:
        rows = self.step.stage.seeds() or ()
        schema = pa.schema([*IDENTITY.items(), *self.step.stage.adds.items()])
        for index, start in enumerate(range(0, len(rows), self.size)):
            made = [
                {**row, "id": row_id(self.step.fingerprint, number), "parents": []}
                for number, row in enumerate(rows[start : start + self.size], start)
            ]
            digest = _digest(str(row["id"]) for row in made)
            yield Input(index, digest, len(made), seeds=pa.Table.from_pylist(made, schema=schema))

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


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
