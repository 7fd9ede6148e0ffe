"""Drop rows on which two judges disagree.

In:  {first: 4.2, second: 1.9}, two judges' scores
Out: {disagreement: 2.3}, or dropped as filter.disagreement, or filter.not_scored without a score
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, Row, RowStage


class Disagreement(RowStage):
    """The distance of the scores, which must be on one scale."""

    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("first", "second")
    adds: ClassVar[Columns] = {"disagreement": pa.float64()}

    most: float = Field(ge=0)
    """Rows whose scores lie further apart are dropped."""

    @override
    def decide(self, row: Row) -> Fate:
        first, second = row["first"], row["second"]
        if first is None or second is None:
            return Dropped("filter.not_scored")
        gap = abs(first - second)
        if gap > self.most:
            return Dropped("filter.disagreement", f"{first:.2f} and {second:.2f}")
        return Kept({"disagreement": gap})
