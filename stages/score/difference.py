"""Subtract one number of a row from another.

In:  {first: 0.75, second: 0.25}
Out: {difference: 0.5}; null where one of them is null

`columns: {first: strong_rate, second: weak_rate, difference: gap}`: the gap of a learnability gate,
the reward difference of Magpie's filters, how far two judges lie apart.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage


class Difference(RowStage):
    """The first less the second."""

    needs: ClassVar[tuple[str, ...]] = ("first", "second")
    adds: ClassVar[Columns] = {"difference": pa.float64()}

    absolute: bool = False
    """Without its sign."""

    @override
    def decide(self, row: Row) -> Fate:
        if row["first"] is None or row["second"] is None:
            return Kept({"difference": None})
        found = float(row["first"]) - float(row["second"])
        return Kept({"difference": abs(found) if self.absolute else found})
