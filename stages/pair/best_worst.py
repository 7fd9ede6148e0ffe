"""Make one preference pair of the best and the worst of several scored answers.

In:  {parents: [q], response: "…", score: 4.4}, {parents: [q], response: "…", score: 2.1}, …
Out: {chosen: "…", rejected: "…", chosen_score: 4.4, rejected_score: 2.1, margin: 2.3}, a child
     of both; the others are dropped as pair.between, pair.tie, pair.single or pair.not_scored

Chosen is the first maximum, rejected the first minimum, as in Magpie's preference sets
(arXiv:2406.08464), which have no margin; here answers closer than `min_margin` make no pair.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Derived, Dropped, Fate, Role, SetStage, ShardReader


class BestWorst(SetStage):
    """Answers of one question are the rows with the same parents."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("magpie",)
    draws: ClassVar[bool] = False
    # `sample` is there only where one question was answered several times.
    needs: ClassVar[tuple[str, ...]] = ("response", "score", "sample")
    derives: ClassVar[bool] = True

    min_margin: float = Field(0.05, ge=0)

    @property
    @override
    def adds(self) -> Columns:
        scores = ("chosen_score", "rejected_score", "margin")
        return dict.fromkeys(("chosen", "rejected"), pa.string()) | dict.fromkeys(
            scores, pa.float64()
        )

    @override
    def most_rows(self, rows: int) -> int:
        return rows // 2

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in order; the pair stands with its chosen answer."""
        answers = [
            row
            for table in rows.tables(["id", "parents", "response", "score"])
            for row in table.to_pylist()
        ]
        groups = defaultdict(list)
        fates: dict[int, Fate] = {}
        for position, answer in enumerate(answers):
            if answer["score"] is None:
                fates[position] = Dropped("pair.not_scored")
            else:
                # A row without parents has no question that another could share.
                groups[tuple(answer["parents"] or [answer["id"]])].append(position)
        for positions in groups.values():
            fates |= self._pair({i: answers[i] for i in positions})
        return [fates[i] for i in range(len(answers))]

    def _pair(self, answers: dict[int, dict[str, Any]]) -> dict[int, Fate]:
        scores = [answer["score"] for answer in answers.values()]
        positions = list(answers)
        best, worst = best_worst(scores)
        margin = scores[best] - scores[worst]
        if best == worst or margin < self.min_margin:
            reason = "pair.single" if len(answers) == 1 else "pair.tie"
            return {i: Dropped(reason, f"margin {margin:.3f}") for i in positions}
        chosen, rejected = answers[positions[best]], answers[positions[worst]]
        child = {
            "parents": [chosen["id"], rejected["id"]],
            "chosen": chosen["response"],
            "rejected": rejected["response"],
            "chosen_score": scores[best],
            "rejected_score": scores[worst],
            "margin": margin,
        }
        fates: dict[int, Fate] = {i: Dropped("pair.between") for i in positions}
        return fates | {positions[best]: Derived((child,)), positions[worst]: Derived()}


def best_worst(scores: list[float]) -> tuple[int, int]:
    """Positions of the first maximum and the first minimum."""
    return scores.index(max(scores)), scores.index(min(scores))
