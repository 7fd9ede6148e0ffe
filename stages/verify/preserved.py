"""Check whether code, addresses and numbers of a text are in its translation or new wording too.

In:  {first: "Run `git log -5` first.", second: "Lancez d'abord `git log -5`."}
Out: {preserved: true, lost: []}; {preserved: false, lost: ["`git log -5`"]} for "Lancez d'abord
     git."; nulls where one of the texts is null

Code is what stands between backticks or within a fence that ends; addresses are of pages, with
their scheme or www, and of mail. Numbers are those in digits, of any script, whatever a language
puts between them: 1,000.5 and 1 000,5 are the same (and so, alas, are 1.5 and 15), as are "1,2,3"
and "1, 2 and 3". Signs and units, what is written in words, and how often a thing is named do not
count.
"""

import re
import unicodedata
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage

_CODE = re.compile(
    r"(?<!`)(?P<ticks>`++).+?(?<!`)(?P=ticks)(?!`)|(?<!~)(?P<fence>~{3,}+).+?(?P=fence)", re.DOTALL
)
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[A-Z0-9\-._~:/?#@$&+=%]{0,2000}[A-Z0-9/]"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",
    re.IGNORECASE | re.ASCII,
)
_NUMBER = re.compile(
    # Thousands, and a fraction; else a fraction, a date or a list.
    r"(?P<thousands>[0-9]{1,3}(?P<mark>[.,'’ \u00a0\u2009\u202f٬，])[0-9]{3}"
    r"(?:(?P=mark)[0-9]{3})*(?![0-9])(?:[.,٫][0-9]+)?)|[0-9]+(?:[.,٫][0-9]+)*"
)


class Preserved(RowStage):
    """Each anywhere in the second text."""

    needs: ClassVar[tuple[str, ...]] = ("first", "second")
    adds: ClassVar[Columns] = {"preserved": pa.bool_(), "lost": pa.list_(pa.string())}

    @override
    def decide(self, row: Row) -> Fate:
        if row["first"] is None or row["second"] is None:
            return Kept({"preserved": None, "lost": None})
        lost = _lost(row["first"], row["second"])
        return Kept({"preserved": not lost, "lost": lost})


def _lost(first: str, second: str) -> list[str]:
    """What is code, an address or a number of `first` alone, in this order."""
    code = [found[0] for found in _CODE.finditer(first)]
    rest = _CODE.sub(" ", first)
    there = set(_ADDRESS.findall(second))
    lost = [each for each in code if each not in second]
    lost += [each for each in _ADDRESS.findall(rest) if each not in there]
    known: set[str] = set()
    for found in _NUMBER.finditer(_western(_ADDRESS.sub(" ", second))):
        whole, parts = _readings(found)
        known |= {whole, *(parts if len(parts) > 2 else ())}
    plain = _ADDRESS.sub(" ", rest)
    for found in _NUMBER.finditer(_western(plain)):
        whole, parts = _readings(found)
        if whole not in known and not (parts and known.issuperset(parts)):
            lost.append(plain[slice(*found.span())])
    return list(dict.fromkeys(lost))


def _western(text: str) -> str:
    """The same, a character for each, with the digits of all scripts as 0 to 9."""
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)


def _readings(found: re.Match[str]) -> tuple[str, list[str]]:
    """A number's digits, and those of the several numbers that it may be."""
    parts = [part.lstrip("0") or "0" for part in re.findall("[0-9]+", found[0])]
    whole = "".join(re.findall("[0-9]+", found[0])).lstrip("0") or "0"
    sure = found["thousands"] and found["mark"] != " "
    return whole, [] if sure or len(parts) == 1 else parts
