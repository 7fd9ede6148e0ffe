"""Keep rows whose value of a column is one of some, or lies within bounds.

In:  {value: "good"}
Out: the row as it is, or dropped as filter.where, "good"; filter.no_value where it is null

    - {use: filter.where, columns: {value: input_quality}, one_of: [good, excellent]}
    - {use: filter.where, columns: {value: score}, at_least: 3.5}
"""

from typing import ClassVar, Self

from pydantic import Field, model_validator
from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage

Value = bool | float | str


class Where(RowStage):
    """All conditions that are given must hold."""

    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("value",)

    one_of: tuple[Value, ...] = ()
    none_of: tuple[Value, ...] = ()
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None
    null: bool = Field(False)
    """Whether a row without a value goes on."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        bounds = (self.above, self.at_least, self.at_most, self.below)
        if not self.one_of and not self.none_of and all(bound is None for bound in bounds):
            raise ValueError("give a condition: one_of, none_of, above, at_least, at_most or below")
        return self

    @override
    def decide(self, row: Row) -> Fate:
        value = row["value"]
        if value is None:
            return Kept() if self.null else Dropped("filter.no_value")
        return Kept() if self._holds(value) else Dropped("filter.where", str(value)[:80])

    def _holds(self, value: Value) -> bool:
        if (self.one_of and value not in self.one_of) or value in self.none_of:
            return False
        return all(
            bound is None or holds(float(value), bound)
            for bound, holds in (
                (self.above, float.__gt__),
                (self.at_least, float.__ge__),
                (self.at_most, float.__le__),
                (self.below, float.__lt__),
            )
        )
