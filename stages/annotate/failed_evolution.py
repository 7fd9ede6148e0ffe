"""Say whether a changed request failed, by the answer it got.

In:  {response: "Sure! Could you share the table?"}
Out: {failed: true, failure: "underspecified"}; an answer that answers is no failure

`failure` is stagnant, underspecified or lost_information (`shared/texts/asks_back.py`), or missing
where there is no answer, because the request could not be changed at all. Auto Evol-Instruct
(arXiv:2406.00770) takes the method whose share of failures is the smallest.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.texts.asks_back import asks_back


class FailedEvolution(RowStage):
    """Drops nothing; `filter.asks_back` drops by the same rules."""

    version: ClassVar[int] = 2
    cites: ClassVar[tuple[str, ...]] = ("auto-evol",)
    needs: ClassVar[tuple[str, ...]] = ("response",)
    adds: ClassVar[Columns] = {"failed": pa.bool_(), "failure": pa.string()}

    @override
    def decide(self, row: Row) -> Fate:
        text = row["response"]
        why = asks_back(text) if text and text.strip() else "missing"
        return Kept({"failed": why is not None, "failure": why})
