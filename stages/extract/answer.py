r"""Take the final answer out of a worked solution.

In:  {response: "Half of 48 is 24.\nThe answer is 1,072."}
Out: {answer: "1072"}; null where there is none

Tried in the order of `forms`: `boxed` (the last \boxed{…}, braces balanced; one that is cut off is
no answer, and nothing else is looked for), `hashes` (a number behind the last ####, as in GSM8K),
`phrase` (the sentence behind the last "answer is" or "answer:" that has a number, else behind the
last, where a single number counts alone: 18 of "18 dollars"), `number` (the last one of the text).
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

_HASHES = re.compile(r"####\s*([-−]?[$€£]?\s?[-−]?\d[^\n]*)")
_PHRASE = re.compile(r"answer\**(?:\s+is|\s*:|\s*=)\**\s*:?\s*", re.IGNORECASE)
_SENTENCE = re.compile(r"[^\n]*?(?=[.!?](?:\s|$)|\n|$)")
_NUMBER = re.compile(
    r"(?<![\w^√\\/(.,])[-−]?[$€£]?[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+|/\d+)?%?(?![\w^√(/]|[.,]\d)"
)
"""A number that stands alone: not the 2 of x^2, of H2O, of √2, nor one of (3, 4)."""


class Answer(RowStage):
    """`columns: {response: …}` reads another column."""

    version: ClassVar[int] = 2
    needs: ClassVar[tuple[str, ...]] = ("response",)
    adds: ClassVar[Columns] = {"answer": pa.string()}

    forms: tuple[Form, ...] = Field(("boxed", "hashes", "phrase", "number"), min_length=1)

    @override
    def decide(self, row: Row) -> Fate:
        text = row["response"] or ""
        if "boxed" in self.forms and _is_cut(text):
            return Kept({"answer": None})
        found = (_FORMS[form](text) for form in self.forms)
        answers = (normal(answer) for answer in found if answer)
        return Kept({"answer": next((answer for answer in answers if answer), None)})


def _boxed(text: str) -> str:
    start = text.rfind("\\boxed{")
    if start < 0:
        return ""
    depth, begin = 0, start + len("\\boxed")
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[begin + 1 : place]
    return ""  # cut off within the braces: no answer


def _is_cut(text: str) -> bool:
    """Whether the last box never closes."""
    return "\\boxed{" in text and not _boxed(text)


def _hashes(text: str) -> str:
    found = _HASHES.findall(text)
    return found[-1] if found else ""


def _phrase(text: str) -> str:
    found = [_sentence(text[said.end() :].lstrip()) for said in _PHRASE.finditer(text)]
    numbered = [(line, n) for line in found if (n := _NUMBER.findall(line))]
    if not numbered:
        return found[-1] if found else ""
    line, numbers = numbered[-1]
    return numbers[0] if len(numbers) == 1 else line


def _sentence(text: str) -> str:
    found = _SENTENCE.match(text)
    return found[0] if found else ""


def _number(text: str) -> str:
    found = _NUMBER.findall(text)
    return found[-1] if found else ""


_FORMS = {"boxed": _boxed, "hashes": _hashes, "phrase": _phrase, "number": _number}
