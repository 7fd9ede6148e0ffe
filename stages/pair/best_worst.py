"""Make one preference pair of the best and the worst of several scored answers.

In:  {parents: [q], response: "…", score: 4.4}, {parents: [q], response: "…", score: 2.1}, …
Out: {chosen: "…", rejected: "…", chosen_score: 4.4, rejected_score: 2.1, margin: 2.3}, a child
     of both; the others are dropped as pair.between, pair.tie, pair.same, pair.single or
     pair.not_scored (without a score or a text)

Chosen is the first maximum, rejected the first minimum of those that say something else, as in
Magpie's preference sets (arXiv:2406.08464), which have no margin; here answers closer than
`min_margin` make no pair.
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Derived, Dropped, Fate, GroupStage, Role, Row
from stages.shared.numbers import is_score, reaches


class BestWorst(GroupStage):
    """Answers of one question are the rows with the same parents."""

    version: ClassVar[int] = 5
    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("magpie",)
    # `sample` is there only where one question was answered several times.
    needs: ClassVar[tuple[str, ...]] = ("response", "score")
    adds: ClassVar[Columns] = {
        "chosen": pa.string(),
        "rejected": pa.string(),
        "chosen_score": pa.float64(),
        "rejected_score": pa.float64(),
        "margin": pa.float64(),
    }
    derives: ClassVar[bool] = True

    min_margin: float = Field(0.05, ge=0)

    @override
    def max_rows(self, rows: int) -> int:
        return rows // 2

    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        """The pair stands with its chosen answer."""
        graded = [i for i, row in enumerate(rows) if is_score(row["score"]) and row["response"]]
        fates: list[Fate] = [Dropped("pair.not_scored")] * len(rows)
        if not graded:
            return fates
        best, _ = _extremes(rows, graded)
        said = rows[best]["response"].strip()
        others = [i for i in graded if rows[i]["response"].strip() != said]
        _, worst = _extremes(rows, others or [best])
        margin = rows[best]["score"] - rows[worst]["score"]
        pairs = margin > 0 and reaches(margin, self.min_margin)
        alone = "pair.single" if len(graded) == 1 else "pair.tie" if others else "pair.same"
        reason = "pair.between" if pairs else alone
        for i in graded:
            fates[i] = Dropped(reason) if pairs else Dropped(reason, f"margin {margin:.3f}")
        if pairs:
            fates[best], fates[worst] = Derived((_pair(rows[best], rows[worst]),)), Derived()
        return fates


def _pair(chosen: Row, rejected: Row) -> Row:
    return {
        "parents": [chosen["id"], rejected["id"]],
        "chosen": chosen["response"],
        "rejected": rejected["response"],
        "chosen_score": chosen["score"],
        "rejected_score": rejected["score"],
        "margin": chosen["score"] - rejected["score"],
    }


def _extremes(rows: Sequence[Row], among: Sequence[int]) -> tuple[int, int]:
    best, worst = best_worst([rows[i]["score"] for i in among])
    return among[best], among[worst]


def best_worst(scores: list[float]) -> tuple[int, int]:
    """Positions of the first maximum and the first minimum."""
    return scores.index(max(scores)), scores.index(min(scores))
