"""The rows that a step works on: those of one shard, or for a set stage those of all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.plan.steps import Step
from pipelines.store.files import shards
from pipelines.store.files.folder import Folder
from pipelines.store.log.manifest import File


@dataclass(frozen=True, slots=True)
class Input:
    """The rows of one shard: a committed file of a step before, or seeds in memory.

    `digest` names the rows; a shard made of them is reused for the same digest only. `chain`: of a
    step that joins chains, which of them the rows are of.
    """

    index: int
    digest: str
    rows: int
    folder: Folder | None = None
    file: File | None = None
    seeds: pa.Table | None = None
    chain: str = ""

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows as they were committed, restricted to `columns`."""
        if self.seeds is not None:
            return self.seeds.select(columns) if columns else self.seeds
        if self.folder is None or self.file is None:
            raise ValueError("an input has a file or seeds")
        return shards.read(self.folder, self.file, columns)


def rows_for(step: Step, given: Input) -> pa.Table:
    """The rows as they come to the step: of several chains all have the same columns."""
    table = given.read()
    if not step.chains:
        return table
    count = table.num_rows
    own = {step.renaming.names["chain"]: pa.array([given.chain] * count, pa.string())}
    columns = [
        own[name] if name in own
        else table[name] if name in table.column_names
        else pa.nulls(count, kind)
        for name, kind in step.coming.items()
    ]  # fmt: skip
    return pa.table(columns, schema=pa.schema(list(step.coming.items())))


@dataclass(frozen=True, slots=True)
class InputReader:
    """The `ShardReader` of a set stage: its inputs in order, and the chains beside them."""

    inputs: Sequence[Input]
    beside: Mapping[str, Sequence[Input]] = field(default_factory=dict)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """See `ShardReader`."""
        for given in self.inputs:
            yield given.read(columns)

    def chain(self, name: str) -> "InputReader":
        """See `ShardReader`."""
        return InputReader(self.beside[name])
