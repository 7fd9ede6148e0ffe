"""A condition on one value of a row, as recipes write it: one of some, or within bounds."""

from typing import Self

from pydantic import BaseModel, model_validator

Value = bool | float | str


class Condition(BaseModel):
    """All that is given must hold."""

    one_of: tuple[Value, ...] = ()
    none_of: tuple[Value, ...] = ()
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        bounds = (self.above, self.at_least, self.at_most, self.below)
        if not self.one_of and not self.none_of and all(bound is None for bound in bounds):
            raise ValueError("give a condition: one_of, none_of, above, at_least, at_most or below")
        return self

    def misfit(self, value: Value) -> str:
        """Why `value` can be held against none of this, such as a text against a number."""
        bounds = (self.above, self.at_least, self.at_most, self.below)
        given = [*self.one_of, *self.none_of, *(bound for bound in bounds if bound is not None)]
        other = next((each for each in given if _kind(each) != _kind(value)), None)
        if other is None:
            return ""
        return f"{_kind(value)} {value!r} against {_kind(other)} {other!r}"[:200]

    def holds(self, value: Value) -> bool:
        """Whether `value`, which is not null and fits, fulfils it."""
        if (self.one_of and value not in self.one_of) or value in self.none_of:
            return False
        return all(
            bound is None or compare(float(value), bound)
            for bound, compare in (
                (self.above, float.__gt__),
                (self.at_least, float.__ge__),
                (self.at_most, float.__le__),
                (self.below, float.__lt__),
            )
        )


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "yes or no"
    return "number" if isinstance(value, int | float) else "text"
