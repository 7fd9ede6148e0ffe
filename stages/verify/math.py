r"""Hold a row's answer against the right one, as mathematics.

In:  {answer: "\\frac{1}{2}", expected: "0.5"}
Out: {correct: true}; false without an answer, null where nothing is expected, or where the
     comparison takes longer than `seconds`

By Math-Verify: fractions and decimals, polynomials, sets and intervals, equations; `verify.equal`
compares what is written. Rows are marked, not dropped.
"""

from pydantic import Field
from typing_extensions import override

from stages.shared.checks import mathematics
from stages.verify.equal import Equal


class Math(Equal):
    """The answer alone, as `extract.answer` takes it out of a solution."""

    seconds: float = Field(5.0, gt=0, le=60)

    @override
    def same(self, expected: str, answer: str) -> bool | None:
        return mathematics.same(expected, answer, self.seconds)
