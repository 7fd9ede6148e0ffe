"""Rows in memory for a stage that works on the whole set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class OneTable:
    """A `ShardReader` of one table, which reads no chain."""

    table: pa.Table

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The table, with these columns."""
        yield self.table.select(list(columns)) if columns else self.table

    def chain(self, name: str) -> "OneTable":
        """There is none."""
        raise KeyError(name)
