"""Keep the answers that most of several solutions to one question agree on.

In:  {parents: [q], answer: "42"}, {parents: [q], answer: "42"}, {parents: [q], answer: "41"}
Out: {majority_share: 0.67, solutions: 3} for the first two; the others are dropped as
     select.minority, select.tie where no answer has more votes than another, select.no_answer

Self-consistency (arXiv:2203.11171), and the labels of OpenMathInstruct-2. They are the same where
`verify.equal` says so. The share is of all solutions, those without an answer included: a question
of which few are readable is not sure of itself.
"""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, GroupStage, Kept, Role, Row
from stages.shared.texts.answers import comparable


class Majority(GroupStage):
    """Solutions of one question are the rows with the same parents."""

    version: ClassVar[int] = 3
    role: ClassVar[Role] = "select"
    cites: ClassVar[tuple[str, ...]] = ("self-consistency",)
    needs: ClassVar[tuple[str, ...]] = ("answer",)
    adds: ClassVar[Columns] = {"majority_share": pa.float64(), "solutions": pa.int64()}

    min_share: float = Field(0.0, ge=0, le=1)
    """Questions whose answer has a smaller share lose all rows, as select.unsure."""
    on_tie: Literal["drop", "first"] = "drop"
    """Whether a question whose best answers have equal votes is lost, or the first of them wins."""

    @override
    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        votes = Counter(comparable(row["answer"]) for row in rows if row["answer"] is not None)
        ranked = votes.most_common()
        tie = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
        winner, count = ranked[0] if ranked else (None, 0)
        share = count / len(rows)
        return [self._fate(row, winner, share, len(rows), tie=tie) for row in rows]

    def _fate(self, row: Row, winner: str | None, share: float, count: int, *, tie: bool) -> Fate:
        if row["answer"] is None:
            return Dropped("select.no_answer")
        if tie and self.on_tie == "drop":
            return Dropped("select.tie", f"{share:.2f} each")
        if share < self.min_share:
            return Dropped("select.unsure", f"{share:.2f} for {winner}"[:80])
        if comparable(row["answer"]) != winner:
            return Dropped("select.minority", f"{row['answer']}, most say {winner}"[:80])
        return Kept({"majority_share": share, "solutions": count})
