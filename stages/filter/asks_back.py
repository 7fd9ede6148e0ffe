"""Drop answers that are no answer: that thank, agree, or ask for what is missing.

In:  {response: "Sure! Could you share the table?"}
Out: the row as it is, or dropped as filter.stagnant, filter.underspecified or
     filter.lost_information

For instructions that a model has changed: their answers show what got lost. The rules are Auto
Evol-Instruct's (`shared/texts/asks_back.py`); `annotate.failed_evolution` counts by them.
"""

from typing import ClassVar

from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage
from stages.shared.texts.asks_back import asks_back


class AsksBack(RowStage):
    """Looks at the answer alone."""

    role: ClassVar[Role] = "filter"
    cites: ClassVar[tuple[str, ...]] = ("auto-evol",)
    needs: ClassVar[tuple[str, ...]] = ("response",)

    @override
    def decide(self, row: Row) -> Fate:
        text = row["response"] or ""
        why = asks_back(text)
        return Dropped(f"filter.{why}", text.strip()[:80]) if why else Kept()
