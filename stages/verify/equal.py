"""Hold a row's answer against the one that is known to be right.

In:  {answer: "42", expected: "42"}
Out: {correct: true}; false without an answer, null where nothing is expected

Both in the form that `extract.answer` writes, compared without regard to case. Rows are marked, not
dropped: `filter.where columns: {value: correct}, one_of: [true]` keeps the right ones.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.texts.answers import comparable


class Equal(RowStage):
    """No symbolic comparison: 1/2 and 0.5 are two answers."""

    version: ClassVar[int] = 3
    needs: ClassVar[tuple[str, ...]] = ("answer", "expected")
    adds: ClassVar[Columns] = {"correct": pa.bool_()}

    @override
    def decide(self, row: Row) -> Fate:
        if row["expected"] is None:
            return Kept({"correct": None})
        if row["answer"] is None:
            return Kept({"correct": False})
        return Kept({"correct": self.same(row["expected"], row["answer"])})

    def same(self, expected: str, answer: str) -> bool | None:
        """Whether the two are one answer; None if that cannot be said."""
        return comparable(answer) == comparable(expected)
