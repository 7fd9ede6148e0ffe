"""Say how likely an answer is to win against the others to its question, by their scores.

In:  {parents: [q], score: 1.5}, {parents: [q], score: -0.5}
Out: {win_rate: 0.69}, {win_rate: 0.31}; null without a score

The mean over all scored answers, itself included as a half, of 1 / (1 + exp(score of the other -
its score)): the soft labels of SPPO (arXiv:2405.00675), whose loss takes them in place of 1 and 0.
The unit of `score` is that of a Bradley-Terry reward; `scale` brings other scores to it.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from scipy.special import expit
from typing_extensions import override

from stages.base import Columns, Fate, GroupStage, Kept, Row
from stages.shared.numbers import is_score


class WinRate(GroupStage):
    """Answers of one question are the rows with the same parents."""

    cites: ClassVar[tuple[str, ...]] = ("sppo",)
    needs: ClassVar[tuple[str, ...]] = ("score",)
    adds: ClassVar[Columns] = {"win_rate": pa.float64()}

    scale: float = Field(1.0, gt=0, allow_inf_nan=False)
    """What a score is multiplied by."""

    @override
    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        scores = [self.scale * row["score"] if is_score(row["score"]) else None for row in rows]
        known = [score for score in scores if is_score(score)]
        return [Kept({"win_rate": _rate(score, known)}) for score in scores]


def _rate(score: float | None, others: Sequence[float]) -> float | None:
    if not is_score(score):
        return None
    return fmean(float(expit(score - other)) for other in others)
