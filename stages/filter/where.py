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
    null: bool = False
    """Whether a row without a value goes on."""
    unless: str | None = None
    """A column of yes or no; rows with a yes go on, whatever their value is."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return ("value", self.unless) if self.unless else ("value",)

    @override
    def decide(self, row: Row) -> Fate:
        if self.unless and row[self.unless]:
            return Kept()
        value = row["value"]
        if value is None:
            return Kept() if self.null else Dropped("filter.no_value")
        return Kept() if self.holds(value) else Dropped("filter.where", str(value)[:80])
