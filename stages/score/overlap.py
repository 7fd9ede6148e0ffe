"""Say how much of two texts is the same, by ROUGE-L.

In:  {first: "weather(city='Oslo')", second: "weather(city='Rome')"}
Out: {overlap: 0.67}: F1 of the longest common subsequence of words, 0 to 1; null where one is null

`columns: {first: response, second: expected}` holds an answer against the right one; two texts
without words are 1. Words as in `dedup.rouge`.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.texts.words import rouge_l


class Overlap(RowStage):
    """Symmetric: which is the first does not matter."""

    needs: ClassVar[tuple[str, ...]] = ("first", "second")
    adds: ClassVar[Columns] = {"overlap": pa.float64()}

    @override
    def decide(self, row: Row) -> Fate:
        if row["first"] is None or row["second"] is None:
            return Kept({"overlap": None})
        return Kept({"overlap": rouge_l(row["first"], row["second"])})
