"""Drop answers that are no answer: that thank, agree, or ask for what is missing.

In:  {response: "Sure! Could you share the table?"}
Out: the row as it is, or dropped as filter.stagnant, .underspecified or .lost_information

Auto Evol-Instruct's rules for an evolution that failed (arXiv:2406.00770), read from the answer: it
begins with Understood, Thank you, What, That is correct or Great and ends with a question mark; it
begins with Sure and ends with one; or it says "please provide".
"""

import re
from typing import ClassVar

from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage

_STAGNANT = re.compile(r"(?:understood|thank you|what|that is correct|great)\b", re.IGNORECASE)


class AsksBack(RowStage):
    """For instructions that a model has changed: their answers show what got lost."""

    role: ClassVar[Role] = "filter"
    cites: ClassVar[tuple[str, ...]] = ("auto-evol",)
    needs: ClassVar[tuple[str, ...]] = ("response",)

    @override
    def decide(self, row: Row) -> Fate:
        text = (row["response"] or "").strip()
        asks = text.endswith(("?", "？"))
        if "please provide" in text.lower():
            return Dropped("filter.lost_information", text[:80])
        if asks and re.match(r"sure\b", text, re.IGNORECASE):
            return Dropped("filter.underspecified", text[:80])
        if asks and _STAGNANT.match(text):
            return Dropped("filter.stagnant", text[:80])
        return Kept()
