"""Take the better of two texts of a row.

In:  {first: "draft", second: "edit", first_score: 3.1, second_score: 3.6}
Out: {better: "edit", better_score: 3.6, improved: true}

The second has to be better than the first by more than `by`; where one has no score the first
stays. So a chain of edits never gets worse by its own judge, as CoEvol's (arXiv:2406.07054).
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, Row, RowStage


class Better(RowStage):
    """`columns` names the texts and the scores."""

    role: ClassVar[Role] = "select"
    cites: ClassVar[tuple[str, ...]] = ("coevol",)
    needs: ClassVar[tuple[str, ...]] = ("first", "second", "first_score", "second_score")
    adds: ClassVar[Columns] = {
        "better": pa.string(),
        "better_score": pa.float64(),
        "improved": pa.bool_(),
    }

    by: float = Field(0.0, ge=0)

    @override
    def decide(self, row: Row) -> Fate:
        first, second = row["first_score"], row["second_score"]
        improved = first is not None and second is not None and second > first + self.by
        name = "second" if improved and row["second"] is not None else "first"
        return Kept(
            {
                "better": row[name],
                "better_score": row[f"{name}_score"],
                "improved": name == "second",
            }
        )
