"""Say how sure a preference is, by how far the scores of a pair lie apart.

In:  {margin: 1.5}
Out: {target: 0.82}: 1 / (1 + exp(-gamma * margin)); null without a margin

The target of a soft preference loss in place of 1 (MMPO, arXiv:2410.03145): 0.5 for a tie, less
than 0.5 where the scores say the contrary.
"""

import math
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.numbers import is_score


class SoftTarget(RowStage):
    """`columns: {margin: …, target: …}` names other columns."""

    cites: ClassVar[tuple[str, ...]] = ("mmpo",)
    needs: ClassVar[tuple[str, ...]] = ("margin",)
    adds: ClassVar[Columns] = {"target": pa.float64()}

    gamma: float = Field(1.0, gt=0)
    """How fast sureness grows with the margin; it has the margin's unit."""

    @override
    def decide(self, row: Row) -> Fate:
        if not is_score(row["margin"]):
            return Kept({"target": None})
        x = self.gamma * row["margin"]
        # Both forms are the same; the one that is taken cannot overflow.
        target = 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
        return Kept({"target": target})
