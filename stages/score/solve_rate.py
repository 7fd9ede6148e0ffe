"""Count how many of several solutions to one question are right, and go on with one of them.

In:  {parents: [q], correct: true}, {parents: [q], correct: false}, {parents: [q], correct: null}
Out: {solve_rate: 0.33, solutions: 3} for the first right one, or the first if none is; the others
     are dropped as score.counted

What a learnability gate looks at (Autodata, arXiv:2606.25996: a question that a strong model solves
and a weak one does not), and what difficulty bins are made of. Null where no right answer is known.
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, GroupStage, Kept, Row


class SolveRate(GroupStage):
    """Solutions of one question are the rows with the same parents."""

    cites: ClassVar[tuple[str, ...]] = ("autodata",)
    needs: ClassVar[tuple[str, ...]] = ("correct",)
    adds: ClassVar[Columns] = {"solve_rate": pa.float64(), "solutions": pa.int64()}

    @override
    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        right = [row["correct"] is True for row in rows]
        first = right.index(True) if any(right) else 0
        known = any(row["correct"] is not None for row in rows)
        facts = {"solve_rate": sum(right) / len(rows) if known else None, "solutions": len(rows)}
        return [Kept(facts) if i == first else Dropped("score.counted") for i in range(len(rows))]
