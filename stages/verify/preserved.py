"""Check whether code, addresses and numbers of a text are in its translation or new wording too.

In:  {first: "Run `git log -5` first.", second: "Lancez d'abord `git log -5`."}
Out: {preserved: true, lost: []}; {preserved: false, lost: ["`git log -5`"]} for "Lancez d'abord
     git."; nulls where one of the texts is null

Code is what stands between backticks or within a fence; addresses are of pages and of mail. Numbers
are those in digits, of any script, whatever a language puts between them: 1,000.5 and 1 000,5 are
the same (and so, alas, are 1.5 and 15), as are "1,2,3" and "1, 2 and 3". Signs and units, what is
written in words, and how often a thing is named do not count.
"""

import re
import unicodedata
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage

_CODE = re.compile(r"(?P<fence>`{3,}|~{3,}).+?(?P=fence)|`[^`]+`", re.DOTALL)
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')\]]*[\w/]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.IGNORECASE
)
_NUMBER = re.compile(r"[0-9]+(?:[.,'’ \u00a0\u2009\u202f][0-9]+)*")


class Preserved(RowStage):
    """Each anywhere in the second text."""

    needs: ClassVar[tuple[str, ...]] = ("first", "second")
    adds: ClassVar[Columns] = {"preserved": pa.bool_(), "lost": pa.list_(pa.string())}

    @override
    def decide(self, row: Row) -> Fate:
        if row["first"] is None or row["second"] is None:
            return Kept({"preserved": None, "lost": None})
        lost = _lost(_western(row["first"]), _western(row["second"]))
        return Kept({"preserved": not lost, "lost": lost})


def _western(text: str) -> str:
    """The same with the digits of all scripts as 0 to 9."""
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)


def _lost(first: str, second: str) -> list[str]:
    literal = [found[0] for found in _CODE.finditer(first)]
    rest = _CODE.sub(" ", first)
    literal += _ADDRESS.findall(rest)
    known = {digits for number in _NUMBER.findall(second) for digits in _readings(number)}
    lost = [each for each in literal if each not in second]
    for number in _NUMBER.findall(_ADDRESS.sub(" ", rest)):
        whole, *parts = _readings(number)
        if whole not in known and not (parts and known.issuperset(parts)):
            lost.append(number)
    return list(dict.fromkeys(lost))


def _readings(number: str) -> list[str]:
    """Its digits as one number, and as the several that they may be."""
    parts = re.findall("[0-9]+", number)
    return ["".join(parts), *(parts if len(parts) > 1 else ())]
