"""Keep the best of several answers to one question.

In:  {parents: [q], response: "…", score: 4.4}, {parents: [q], response: "…", score: 2.1}, …
Out: the first row of the highest score; the others are dropped as select.not_best or
     select.not_scored

Best of n, as in rejection sampling (arXiv:2307.09288, section 3.2.3).
"""

from collections.abc import Sequence
from typing import ClassVar

from stages.base import Dropped, Fate, GroupStage, Kept, Role, Row


class Best(GroupStage):
    """Answers of one question are the rows with the same parents."""

    role: ClassVar[Role] = "select"
    cites: ClassVar[tuple[str, ...]] = ("llama2",)
    needs: ClassVar[tuple[str, ...]] = ("score",)

    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        """One row goes on, if any has a score."""
        scores = [row["score"] for row in rows]
        best = max((score for score in scores if score is not None), default=None)
        if best is None:
            return [Dropped("select.not_scored")] * len(rows)
        first = scores.index(best)
        return [
            Kept() if i == first
            else Dropped("select.not_scored") if score is None
            else Dropped("select.not_best", f"{score:.4g} of {best:.4g}")
            for i, score in enumerate(scores)
        ]  # fmt: skip
