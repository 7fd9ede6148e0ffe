"""Keep rows whose value of a column is one of some, or lies within bounds.

In:  {value: "good"}
Out: the row as it is, or dropped as filter.where, "good"; filter.no_value where it is null

    - {use: filter.where, columns: {value: input_quality}, one_of: [good, excellent]}
    - {use: filter.where, columns: {value: score}, at_least: 3.5}
"""

from typing import ClassVar

from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage
from stages.shared.condition import Condition


class Where(Condition, RowStage):
    """All conditions that are given must hold."""

    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("value",)

    null: bool = False
    """Whether a row without a value goes on."""

    @override
    def decide(self, row: Row) -> Fate:
        value = row["value"]
        if value is None:
            return Kept() if self.null else Dropped("filter.no_value")
        return Kept() if self.holds(value) else Dropped("filter.where", str(value)[:80])
