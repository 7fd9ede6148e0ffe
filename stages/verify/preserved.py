"""Check whether code, addresses and numbers of a text are in its translation or new wording too.

In:  {first: "Run `git log -5` first.", second: "Lancez d'abord `git log -5`."}
Out: {preserved: true, lost: []}; {preserved: false, lost: ["`git log -5`"]} for "Lancez d'abord
     git."; nulls where one of the texts is null

Code is what stands between backticks, one or three. A number is written in digits, and the same
whatever a language puts between them: 1,000.5 and 1 000,5 are (and so, alas, are 1.5 and 15).
"""

import re
from collections import Counter
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage

_CODE = re.compile(r"```.+?```|`[^`\n]+`", re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s<>\"')]*[^\s<>\"').,;:!?]")
_NUMBER = re.compile(r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)*")


class Preserved(RowStage):
    """Each at least as often as the first text has it, in any order."""

    needs: ClassVar[tuple[str, ...]] = ("first", "second")
    adds: ClassVar[Columns] = {"preserved": pa.bool_(), "lost": pa.list_(pa.string())}

    @override
    def decide(self, row: Row) -> Fate:
        if row["first"] is None or row["second"] is None:
            return Kept({"preserved": None, "lost": None})
        lost = list((_marked(row["first"]) - _marked(row["second"])).elements())
        return Kept({"preserved": not lost, "lost": lost})


def _marked(text: str) -> Counter[str]:
    """What has to stay in it; numbers without what stands between their digits."""
    found = Counter(_CODE.findall(text))
    text = _CODE.sub(" ", text)
    found.update(_ADDRESS.findall(text))
    numbers = _NUMBER.findall(_ADDRESS.sub(" ", text))
    found.update(re.sub(r"\D", "", number) for number in numbers)
    return found
