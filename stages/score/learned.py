"""Learn from labels how the checks of a question's answers make a grade.

In:  {parents: [q], checks: [0.9, 0.2], checks_asked: ["…", "…"], label: 7.0}, of the same question
     {checks: [0.4, 0.3], label: 3.0, …} and {checks: [0.8, 0.9], label: null, …}
Out: {score: 7.55, learned_weight: 0.30} for the last, whose checks have a mean of 0.85, which is
     8.65 on the scale; nulls without checks

RocketEval (arXiv:2503.05142 and its released code): not all items of a checklist matter alike, and
labels of some answers to the question tell which do. Extremely randomised trees (ten, of depth two,
seed 42) learn the label from the checks of the labelled answers, of an answer that has a label from
those of the others. What they say counts for `learned_weight`, which is 1 where these labels spread
evenly over ten bins of the scale and 0 where all are in one (1 - KL divergence from even over its
maximum); the mean of the checks, brought to the scale, counts for the rest. Without other labels
the weight is 0.
"""

from collections.abc import Sequence
from math import isfinite, log
from statistics import fmean
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator
from typing_extensions import override

from stages.base import Columns, Failed, Fate, GroupStage, Kept, Role, Row
from stages.shared.numbers import is_score

_BINS = 10


def _goes_up(scale: tuple[float, float]) -> tuple[float, float]:
    if not (isfinite(scale[0]) and isfinite(scale[1]) and scale[0] < scale[1]):
        raise ValueError("a scale goes up, from one number to another")
    return scale


class Learned(GroupStage):
    """Answers of one question are the rows with the same parents; their checklist is the same."""

    role: ClassVar[Role] = "annotate"
    cites: ClassVar[tuple[str, ...]] = ("rocketeval",)
    needs: ClassVar[tuple[str, ...]] = ("checks", "checks_asked", "label")
    adds: ClassVar[Columns] = {"score": pa.float64(), "learned_weight": pa.float64()}

    scale: Annotated[tuple[float, float], AfterValidator(_goes_up)] = (1, 10)
    """The lowest and the highest label there is."""

    @override
    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        known = [i for i, row in enumerate(rows) if _is_checked(row)]
        if len({tuple(rows[i]["checks_asked"]) for i in known}) > 1:
            told = "answers to one question have different checklists: write it before answering"
            return [Failed("score.misfit", told)] * len(rows)
        labelled = [i for i in known if is_score(rows[i]["label"])]
        low, high = self.scale
        if out := [rows[i]["label"] for i in labelled if not low <= rows[i]["label"] <= high]:
            told = f"label {out[0]:g} is not on the scale from {low:g} to {high:g}"
            return [Failed("score.misfit", told)] * len(rows)
        fates: list[Fate] = [Kept(dict.fromkeys(self.adds))] * len(rows)
        for i in known:
            others = [rows[j] for j in labelled if j != i]
            weight = self._evenness([row["label"] for row in others])
            score = low + (high - low) * fmean(rows[i]["checks"])
            if weight:
                score = weight * _by_trees(others, rows[i]) + (1 - weight) * score
            fates[i] = Kept({"score": score, "learned_weight": weight})
        return fates

    def _evenness(self, labels: Sequence[float]) -> float:
        """From 0, all in one bin or none at all, to 1, equally many in each."""
        if not labels:
            return 0.0
        counts, _ = np.histogram(labels, bins=_BINS, range=self.scale)
        shares = [count / len(labels) for count in counts if count]
        # log(bins) less the divergence from even is the entropy.
        return float(sum(share * log(1 / share) for share in shares) / log(_BINS))


def _is_checked(row: Row) -> bool:
    checks, asked = row["checks"] or (), row["checks_asked"] or ()
    return 0 < len(checks) == len(asked) and all(map(is_score, checks))


def _by_trees(labelled: Sequence[Row], row: Row) -> float:
    from sklearn.ensemble import ExtraTreesRegressor

    trees = ExtraTreesRegressor(n_estimators=10, max_depth=2, random_state=42)
    trees.fit([each["checks"] for each in labelled], [each["label"] for each in labelled])
    return float(trees.predict([row["checks"]])[0])
