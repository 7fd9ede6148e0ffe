"""A scale of grades, and what each of them means, as a recipe says it."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, Field, model_validator


class Scale(BaseModel):
    """From 1 to 5 where nothing else is said."""

    scale: tuple[int, int] = (1, 5)
    """The lowest and the highest grade, of one digit each: then each is one token."""
    levels: Mapping[int, str] = Field(default_factory=dict)
    """What every grade means, in words; they then are the scale."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        low, high = self.scale
        if self.levels and "scale" in self.model_fields_set:
            raise ValueError("`levels` are the scale: leave out `scale`")
        grades = sorted(self.levels) or [low, high]
        if self.levels and grades != list(range(grades[0], grades[-1] + 1)):
            raise ValueError("`levels` describes each grade from the lowest to the highest")
        if not 0 <= grades[0] < grades[-1] <= 9:
            raise ValueError("a scale goes up, from 0 at the lowest to 9 at the highest")
        return self

    @property
    def grades(self) -> Mapping[str, float]:
        """The words of the verdict, with what each counts."""
        low, high = (min(self.levels), max(self.levels)) if self.levels else self.scale
        return {str(grade): float(grade) for grade in range(low, high + 1)}

    def levels_in_words(self) -> str:
        """The sentence for a prompt."""
        if self.levels:
            return " ".join(f"{grade}: {self.levels[grade]}" for grade in sorted(self.levels))
        low, *_, high = self.grades
        middle = (int(low) + int(high)) / 2
        half = f"{middle:.0f} if it meets it in part, " if middle.is_integer() else ""
        return f"Give {low} if the answer fails it wholly, {half}{high} if it meets it fully."
