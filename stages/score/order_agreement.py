"""Say how far two orders of the same things agree: the longest common subsequence.

In:  {first: [1.0, 2.0, 3.0], second: [-0.2, -1.5, -0.9]}, ranks and likelihoods of three answers
Out: {agreement: 0.67}: two of the three stand in the same order; 1 for equal orders, 1/n for
     opposite ones

CycleAlign (arXiv:2310.16271) lets a strong model rank answers and a weaker one order them by its
own likelihoods; what both agree on is its pseudo-label. `first_is` and `second_is` say which end is
the best. Of things that one order does not tell apart the orders do not agree.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import pyarrow as pa
from rapidfuzz.distance import LCSseq
from typing_extensions import override

from stages.base import Columns, Failed, Fate, Kept, Row, RowStage
from stages.shared.numbers import is_score

End = Literal["lowest", "highest"]


class OrderAgreement(RowStage):
    """`columns: {first: ranks, second: likelihoods}`."""

    version: ClassVar[int] = 3
    cites: ClassVar[tuple[str, ...]] = ("cyclealign",)
    needs: ClassVar[tuple[str, ...]] = ("first", "second")
    adds: ClassVar[Columns] = {"agreement": pa.float64()}

    first_is: End = "lowest"
    """Which value of `first` is that of the best: of ranks the lowest."""
    second_is: End = "highest"
    """Which value of `second`: of likelihoods the highest."""

    @override
    def decide(self, row: Row) -> Fate:
        first, second = row["first"], row["second"]
        if not first or not second:
            return Kept({"agreement": None})
        if len(first) != len(second) or not all(map(is_score, (*first, *second))):
            return Failed("score.unequal", f"{len(first)} and {len(second)} values")
        one, other = _places(first, self.first_is), _places(second, self.second_is)
        # Ties stand the other way round in each, so that they are in no common subsequence.
        orders = (
            sorted(range(len(one)), key=lambda i: (one[i], -other[i], i)),
            sorted(range(len(one)), key=lambda i: (other[i], -one[i], -i)),
        )
        return Kept({"agreement": LCSseq.similarity(*orders) / len(first)})


def _places(values: Sequence[float], best: End) -> list[float]:
    return [value if best == "lowest" else -value for value in values]
