"""Keep the rows of the highest values of a column.

In:  {value: 812}
Out: {rank: 0} for the highest, or dropped as select.not_top, or select.no_value where it is null

`columns: {value: score}` names the column; of a text the length in characters counts, as in the
length filters of Magpie (arXiv:2406.08464, table 5). Of equal values the earlier row is higher.
"""

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, SetStage, ShardReader


class Top(SetStage):
    """Keeps all rows with a value where there are no more than `rows`."""

    role: ClassVar[Role] = "select"
    cites: ClassVar[tuple[str, ...]] = ("magpie",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("value",)
    adds: ClassVar[Columns] = {"rank": pa.int64()}

    rows: int = Field(gt=0)
    lowest: bool = False
    """Keep the lowest values instead."""

    @override
    def max_rows(self, rows: int) -> int:
        return min(rows, self.rows)

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        found = [v for table in rows.tables(["value"]) for v in table["value"].to_pylist()]
        values = [_number(value) for value in found]
        there = [i for i, value in enumerate(values) if not math.isnan(value)]
        there.sort(key=values.__getitem__, reverse=not self.lowest)  # stable: the earlier first
        ranks = {place: rank for rank, place in enumerate(there[: self.rows])}
        for place, value in enumerate(values):
            if place in ranks:
                yield Kept({"rank": ranks[place]})
            elif math.isnan(value):
                yield Dropped("select.no_value")
            else:
                yield Dropped("select.not_top", f"{value:.6g}")


def _number(value: Any) -> float:
    """What counts of a value; NaN for none."""
    if value is None:
        return math.nan
    return float(len(value)) if isinstance(value, str) else float(value)
