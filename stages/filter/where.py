"""Keep rows whose value of a column is one of some, or lies within bounds.

In:  {value: "good"}
Out: the row as it is, or dropped as filter.where, "good"; filter.no_value where it is null

    - {use: filter.where, columns: {value: input_quality}, one_of: [good, excellent]}
    - {use: filter.where, columns: {value: score}, at_least: 3.5}

A value of another kind fails its row: in YAML `no` is no text, "no" is one.
"""

from typing import ClassVar, Literal

from typing_extensions import override

from stages.base import Dropped, Failed, Fate, Kept, Role, Row, RowStage
from stages.shared.condition import Condition


class Where(Condition, RowStage):
    """All conditions that are given must hold."""

    role: ClassVar[Role] = "filter"
    missing: Literal["drop", "keep"] = "drop"
    """What becomes of a row without a value."""
    unless: str | None = None
    """A column of yes or no; rows with a yes go on, whatever their value is."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return ("value", self.unless) if self.unless else ("value",)

    @override
    def decide(self, row: Row) -> Fate:
        if self.unless and row[self.unless] is True:
            return Kept()
        value = row["value"]
        if value is None:
            return Kept() if self.missing == "keep" else Dropped("filter.no_value")
        if misfit := self.misfit(value):
            return Failed("filter.misfit", misfit)
        return Kept() if self.holds(value) else Dropped("filter.where", str(value)[:80])
