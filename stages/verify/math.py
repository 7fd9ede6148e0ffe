r"""Hold a row's answer against the right one, as mathematics.

In:  {answer: "\\frac{1}{2}", expected: "0.5"}
Out: {correct: true}; false without an answer, null where nothing is expected, or where the
     comparison takes longer than `seconds`

By Math-Verify: fractions and decimals, polynomials, sets and intervals, equations; `verify.equal`
compares what is written. Rows are marked, not dropped.
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.checks.mathematics import same


class Math(RowStage):
    """The answer alone, as `extract.answer` takes it out of a solution."""

    needs: ClassVar[tuple[str, ...]] = ("answer", "expected")
    adds: ClassVar[Columns] = {"correct": pa.bool_()}

    seconds: float = Field(5.0, gt=0, le=60)

    @override
    def decide(self, row: Row) -> Fate:
        if row["expected"] is None:
            return Kept({"correct": None})
        if row["answer"] is None:
            return Kept({"correct": False})
        return Kept({"correct": same(row["expected"], row["answer"], self.seconds)})
