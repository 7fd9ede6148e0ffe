r"""Take the final answer out of a worked solution.

In:  {response: "Half of 48 is 24.\nThe answer is 1,072."}
Out: {answer: "1072"}; null where there is none

Tried in the order of `forms`: `boxed` (the last \boxed{…}, braces balanced; one that is cut off is
no answer, and nothing else is looked for), `hashes` (what begins with a number behind the last
####, as in GSM8K; not a heading, "#### 2. Check"), `phrase` (the sentence behind the last "answer
is" or "answer:" that has a number, else behind the last), `number` (the last one of the text).
In the second and third a single number counts alone, 18 of "18 dollars" or behind the last sign of
equality, unless it is part of a formula or a pair: "2\pi", "x + 3", "(1, 4)".
Numbers are written so that equal ones are equal: without thousands separators, signs of currency
and percent, and zeros behind the point.
"""

import re
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.texts.answers import normal

Form = Literal["boxed", "hashes", "phrase", "number"]

_HASHES = re.compile(r"####(?!\s*\d{1,3}[.):][^\S\n])\s*([-−–]?[$€£]?\s?[-−–]?\d[^\n]*)")
_PHRASE = re.compile(r"answer\**(?:\s+is|\s*:|\s*=)\**\s*:?\s*", re.IGNORECASE)
_SENTENCE = re.compile(r"[^\n]*?(?=[.!?](?:\s|$)|\n|$)")
_NUMBER = re.compile(
    r"(?<![\w^√\\/(.,])[-−–]?[$€£]?[-−–]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+|/\d+)?%?(?![\w^√(/]|[.,]\d)"
)
"""A number that stands alone: not the 2 of x^2, of H2O, of √2, nor one of (3,4)."""
_LONGEST = 500
"""Characters of a sentence that is an answer; without it a text of 100,000 takes 22 s."""
_MARKUP = re.compile(r"</?\w+>|<\|\w+\|>")
_SIGN = re.compile(r"(?<![\w)])([-−–])\s+(?=[\d$€£])")
_UNIT = re.compile(
    r"\\(?:text|textrm|textbf|mathrm|mbox)\s*\{[^{}\d]*(?:\^\{?\d\}?)?\}(?:\^\{?\d\}?)?"
    r"|\^?\{?\\(?:degree|deg|circ)\b\}?|(?<=N)\s*(?:m|[A-Za-z][A-Za-z/]{1,14})\^\{?[23]\}?"
)
_FORMULA = re.compile(r"\d|[+×√<>^]|\\[A-Za-z]|[\w)]\s?\*\s?[\w(]")
"""What stands beside a number, N, that is not the whole answer."""


class Answer(RowStage):
    """`columns: {response: …}` reads another column."""

    version: ClassVar[int] = 3
    needs: ClassVar[tuple[str, ...]] = ("response",)
    adds: ClassVar[Columns] = {"answer": pa.string()}

    forms: tuple[Form, ...] = Field(("boxed", "hashes", "phrase", "number"), min_length=1)

    @override
    def decide(self, row: Row) -> Fate:
        text = row["response"] or ""
        if "boxed" in self.forms and _boxed(text) is None:
            return Kept({"answer": None})
        found = (_FORMS[form](text) for form in self.forms)
        answers = (normal(answer) for answer in found if answer)
        return Kept({"answer": next((answer for answer in answers if answer), None)})


def _boxed(text: str) -> str | None:
    """What the last box holds; None if it never closes."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return ""
    depth, begin = 0, start + len("\\boxed")
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[begin + 1 : place]
    return None


def _hashes(text: str) -> str:
    found = _HASHES.findall(text)
    return _alone(found[-1]) if found else ""


def _phrase(text: str) -> str:
    ends = (said.end() for said in _PHRASE.finditer(text))
    found = [_sentence(text[end : end + _LONGEST].lstrip()) for end in ends]
    numbered = [line for line in found if _NUMBER.search(line)]
    return _alone(numbered[-1]) if numbered else found[-1] if found else ""


def _alone(line: str) -> str:
    """The line's number if it is the answer by itself; else the line."""
    said = _SIGN.sub(r"\1", _MARKUP.sub("", re.split(r"=|≈|\\approx", line)[-1]))
    found = _NUMBER.search(said)
    if found is None:
        return line
    around = _UNIT.sub("", f"{said[: found.start()]}N{said[found.end() :]}")
    return line if _FORMULA.search(around) else found[0]


def _sentence(text: str) -> str:
    found = _SENTENCE.match(text)
    return found[0] if found else ""


def _number(text: str) -> str:
    found = _NUMBER.findall(text)
    return found[-1] if found else ""


_FORMS = {"boxed": _boxed, "hashes": _hashes, "phrase": _phrase, "number": _number}
