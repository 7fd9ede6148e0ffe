"""Subtract one number of a row from another.

In:  {first: 0.75, second: 0.25}
Out: {difference: 0.5}; null where one of them is null, NaN or infinite

`columns: {first: strong_rate, second: weak_rate, difference: gap}`: the gap of a learnability gate,
the reward difference of Magpie's filters, how far two judges lie apart.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.numbers import is_score


class Difference(RowStage):
    """The first less the second."""

    version: ClassVar[int] = 2
    needs: ClassVar[tuple[str, ...]] = ("first", "second")
    adds: ClassVar[Columns] = {"difference": pa.float64()}

    absolute: bool = False
    """Without its sign."""

    @override
    def decide(self, row: Row) -> Fate:
        first, second = row["first"], row["second"]
        if not (is_score(first) and is_score(second)):
            return Kept({"difference": None})
        found = float(first) - float(second)
        return Kept({"difference": abs(found) if self.absolute else found})
