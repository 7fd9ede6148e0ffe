"""Put the answers to one question into one row, the best first: n-wise preferences.

In:  {parents: [q], response: "No.", score: 1.2}, {parents: [q], response: "The Nile.", score: 4.4}
Out: {responses: ["The Nile.", "No."], scores: [4.4, 1.2]}, a child of all of them; answers without
     a score, or with the text of a better one, are dropped as pair.not_scored and pair.same

Xwin's sets of 64 scored answers (arXiv:2405.20335), of which best-of-n, pairs of chosen ranks and
listwise losses are made. Of equal scores the earlier answer comes first.
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Derived, Dropped, Fate, GroupStage, Role, Row
from stages.shared.numbers import is_score


class RankedSet(GroupStage):
    """Answers of one question are the rows with the same parents."""

    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("xwin",)
    needs: ClassVar[tuple[str, ...]] = ("response", "score")
    adds: ClassVar[Columns] = {
        "responses": pa.list_(pa.string()),
        "scores": pa.list_(pa.float64()),
    }
    derives: ClassVar[bool] = True

    at_least: int = Field(2, ge=1)
    """Answers that a set has; of fewer there is none: pair.too_few."""

    @override
    def max_rows(self, rows: int) -> int:
        return rows // self.at_least

    @override
    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        fates: list[Fate] = [Dropped("pair.not_scored")] * len(rows)
        known = [i for i, row in enumerate(rows) if is_score(row["score"]) and row["response"]]
        ranked: list[int] = []
        for i in sorted(known, key=lambda i: -rows[i]["score"]):
            if any(rows[i]["response"] == rows[j]["response"] for j in ranked):
                fates[i] = Dropped("pair.same")
            else:
                ranked.append(i)
        for i in ranked:
            few = f"{len(ranked)} of {self.at_least}"
            fates[i] = Derived() if len(ranked) >= self.at_least else Dropped("pair.too_few", few)
        if len(ranked) >= self.at_least:
            fates[ranked[0]] = Derived(
                (
                    {
                        "parents": [rows[i]["id"] for i in ranked],
                        "responses": [rows[i]["response"] for i in ranked],
                        "scores": [rows[i]["score"] for i in ranked],
                    },
                )
            )
        return fates
