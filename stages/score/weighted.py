"""Add numbers of a row up, each with its weight.

In:  {correct: true, length: 0.25}
Out: {score: 0.875} with `weights: {correct: 1, length: -0.5}`; null where one of them is
     null, NaN or infinite

A yes counts as 1. `columns: {score: reward}` names the sum. Optima's reward of a dialogue
(arXiv:2410.08115) is such a sum: what was solved, less what it took, and how natural it reads.
"""

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Failed, Fate, Kept, Row, RowStage
from stages.shared.numbers import is_score


class Weighted(RowStage):
    """A linear sum."""

    version: ClassVar[int] = 2
    cites: ClassVar[tuple[str, ...]] = ("optima",)
    adds: ClassVar[Columns] = {"score": pa.float64()}

    weights: Mapping[str, float] = Field(min_length=1)
    """By column."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return tuple(self.weights)

    @override
    def decide(self, row: Row) -> Fate:
        values = {name: row[name] for name in self.weights}
        for name, value in values.items():
            if not isinstance(value, int | float | None):
                return Failed("score.misfit", f"'{name}' is {value!r:.60}, no number")
        if not all(map(is_score, values.values())):
            return Kept({"score": None})
        return Kept({"score": sum(self.weights[name] * values[name] for name in self.weights)})
