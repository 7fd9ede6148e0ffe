"""Answers that show that a request got lost when a model changed it.

Auto Evol-Instruct's rules (arXiv:2406.00770): the answer begins with Understood, Thank you, What,
That is correct or Great and ends with a question mark; it begins with Sure and ends with one; or it
says "please provide".
"""

import re
from typing import Literal

Loss = Literal["stagnant", "underspecified", "lost_information"]

_STAGNANT = re.compile(r"(?:understood|thank you|what|that is correct|great)\b", re.IGNORECASE)
_SURE = re.compile(r"sure\b", re.IGNORECASE)


def asks_back(text: str) -> Loss | None:
    """Which of the rules holds for an answer; None for an answer that answers."""
    text = text.strip()
    asks = text.endswith(("?", "？"))
    if "please provide" in text.lower():
        return "lost_information"
    if asks and _SURE.match(text):
        return "underspecified"
    return "stagnant" if asks and _STAGNANT.match(text) else None
