"""Keep the rows of the highest values of a column.

In:  {value: 812}
Out: {rank: 0} for the highest, or dropped as select.not_top, or select.no_value where it is null

With `per: [risk, style]` the highest of each combination of values of these columns, ranks counted
in each: the elites of an archive, the best answers of each category.

`columns: {value: score}` names the column; of a text the length in characters counts, as in the
length filters of Magpie (arXiv:2406.08464, table 5). Of equal values the earlier row is higher.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
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
    adds: ClassVar[Columns] = {"rank": pa.int64()}

    rows: int = Field(gt=0)
    lowest: bool = False
    """Keep the lowest values instead."""
    per: tuple[str, ...] = ()
    """Columns whose values make groups; nulls are one value more."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return ("value", *self.per)

    @override
    def max_rows(self, rows: int) -> int:
        return rows if self.per else min(rows, self.rows)

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        found = [row for table in rows.tables(list(self.needs)) for row in table.to_pylist()]
        values = [_number(row["value"]) for row in found]
        groups = defaultdict(list)
        for place, row in enumerate(found):
            if not math.isnan(values[place]):
                groups[tuple(repr(row[name]) for name in self.per)].append(place)
        ranks = {place: rank for each in groups.values() for rank, place in self._top(each, values)}
        for place, value in enumerate(values):
            if place in ranks:
                yield Kept({"rank": ranks[place]})
            elif math.isnan(value):
                yield Dropped("select.no_value")
            else:
                yield Dropped("select.not_top", f"{value:.6g}")

    def _top(self, places: list[int], values: Sequence[float]) -> list[tuple[int, int]]:
        """Rank and place of the highest; of equal ones the earlier, sorting being stable."""
        places = sorted(places, key=values.__getitem__, reverse=not self.lowest)
        return list(enumerate(places[: self.rows]))


def _number(value: Any) -> int | float:
    """What counts of a value; NaN for none."""
    if value is None:
        return math.nan
    return len(value) if isinstance(value, str) else value
