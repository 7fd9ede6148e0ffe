"""Make several rows of one, each with another row of a chain.

In:  {method: "…"}, and {instruction: "Name three rivers."} of the chain `of`
Out: `rows` children {method: "…", instruction: "Name three rivers."}, or dropped as draw.no_rows
     where the chain is empty

    - {use: draw.rows, of: seeds, take: {instruction: instruction}, rows: 10}

A uniform draw without replacement, afresh for each row, in random order; where the chain has fewer
rows, all of them. Children of one row have it as their parent, so that group stages
(`score.solve_rate`, `mix.gather`) see them together.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Derived, Dropped, Fate, Row, SetStage, ShardReader


class Rows(SetStage):
    """The row itself ends here: its columns go on in its children."""

    of: str
    """The chain's name in the recipe; in `rounds:` also `pool`."""
    take: Mapping[str, str] = Field(min_length=1)
    """By the new column's name, the chain's text column that it is filled from."""
    rows: int = Field(ge=1)
    """Children of each row."""

    derives: ClassVar[bool] = True

    @property
    @override
    def adds(self) -> Columns:
        return dict.fromkeys(self.take, pa.string())

    @property
    @override
    def reads(self) -> Mapping[str, Sequence[str]]:
        return {self.of: tuple(dict.fromkeys(self.take.values()))}

    @override
    def max_rows(self, rows: int) -> int:
        return rows * self.rows

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        tables = rows.chain(self.of).tables(list(dict.fromkeys(self.take.values())))
        there = [self._taken(row) for table in tables for row in table.to_pylist()]
        draw = random.Random(seed)
        for table in rows.tables(["id"]):
            for _ in range(table.num_rows):
                yield self._drawn(there, draw)

    def _drawn(self, there: Sequence[Row], draw: random.Random) -> Fate:
        if not there:
            return Dropped("draw.no_rows", f"{self.of}: no rows")
        return Derived(tuple(draw.sample(there, min(self.rows, len(there)))))

    def _taken(self, row: Row) -> Row:
        return {new: row[name] for new, name in self.take.items()}
