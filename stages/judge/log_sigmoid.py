"""Say how likely an answer is to be better than a reference, as a logarithm.

In:  {reward: 1.5, reference: 0.5}
Out: {utility: -0.31}, the logarithm of 1 / (1 + exp(-(1.5 - 0.5))); null where one of them is null

Rewards of a Bradley-Terry model say no more than their differences do. Centred on a reference of
the same request and passed through the log-sigmoid (arXiv:2402.00742), an answer that is good
already gains little by more, and the sum of several is the logarithm of "good by each of them", so
that one high reward does not make up for a low one. `score.weighted` adds them up.
"""

from math import exp, log1p
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.numbers import is_score


class LogSigmoid(RowStage):
    """`columns: {reward: …, reference: …, utility: …}` names all three."""

    cites: ClassVar[tuple[str, ...]] = ("reward-transform",)
    needs: ClassVar[tuple[str, ...]] = ("reward", "reference")
    adds: ClassVar[Columns] = {"utility": pa.float64()}

    scale: float = Field(1.0, gt=0, allow_inf_nan=False)
    """What the difference is multiplied by, for rewards of another unit."""

    @override
    def decide(self, row: Row) -> Fate:
        if not is_score(row["reward"]) or not is_score(row["reference"]):
            return Kept({"utility": None})
        x = self.scale * (row["reward"] - row["reference"])
        if not is_score(x):  # too large for a number
            return Kept({"utility": None})
        return Kept({"utility": min(x, 0.0) - log1p(exp(-abs(x)))})
