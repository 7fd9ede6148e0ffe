"""Give each row the columns of a row of other chains, a better one likelier than a worse one.

In:  any row, and {instruction: "…", fitness: 0.8} of the chains in `of`
Out: {old: "…"} with `take: {old: instruction}`, or dropped as draw.no_parent where they are empty

    - {use: draw.parent, of: [seeds, pool], take: {old: instruction}, value: fitness}

A row of value v is drawn with a chance that grows as exp(v / temperature), afresh for each row; at
temperature 0 the best one is taken, of equal ones the earlier. A row without a finite value counts
as the worst there is. Rainbow Teaming's archive (arXiv:2402.16822) and the best method so far of
Auto Evol-Instruct (arXiv:2406.00770) are such draws from a pool.
"""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Row, SetStage, ShardReader


class Parent(SetStage):
    """Draws with replacement: rows may get the same parent."""

    of: tuple[str, ...] = Field(min_length=1)
    """The chains' names in the recipe; in `rounds:` also `pool`."""
    take: Mapping[str, str] = Field(min_length=1)
    """By the new column's name, the chains' text column that it is filled from."""
    value: str
    """The chains' column of numbers that chances go by."""
    temperature: float = Field(0.1, ge=0)
    lowest: bool = False
    """Lower values are better."""

    cites: ClassVar[tuple[str, ...]] = ("rainbow-teaming", "auto-evol")

    @property
    @override
    def adds(self) -> Columns:
        return dict.fromkeys(self.take, pa.string())

    @property
    @override
    def reads(self) -> Mapping[str, Sequence[str]]:
        return dict.fromkeys(self.of, tuple(self._columns()))

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        tables = (t for name in self.of for t in rows.chain(name).tables(self._columns()))
        there = [row for table in tables for row in table.to_pylist()]
        weights = self._weights([row[self.value] for row in there])
        draw = random.Random(seed)
        for table in rows.tables(["id"]):
            for _ in range(table.num_rows):
                yield self._drawn(there, weights, draw)

    def _columns(self) -> list[str]:
        return list(dict.fromkeys([*self.take.values(), self.value]))

    def _drawn(self, there: Sequence[Row], weights: Sequence[float], draw: random.Random) -> Fate:
        if not there:
            return Dropped("draw.no_parent", f"{', '.join(self.of)}: no rows")
        (parent,) = draw.choices(there, weights)
        return Kept({new: parent[name] for new, name in self.take.items()})

    def _weights(self, values: Sequence[float | None]) -> list[float]:
        """A row's chance in proportion, the best one's being 1."""
        sign = -1.0 if self.lowest else 1.0
        given = [value if value is not None and math.isfinite(value) else None for value in values]
        known = [sign * value for value in given if value is not None]
        worst, best = min(known, default=0.0), max(known, default=0.0)
        better = [worst if value is None else sign * value for value in given]
        if self.temperature == 0:
            first = better.index(best) if better else 0
            return [float(place == first) for place in range(len(better))]
        return [math.exp((value - best) / self.temperature) for value in better]
