r"""Take the final answer out of a worked solution.

In:  {response: "Half of 48 is 24.\nThe answer is 1,072."}
Out: {answer: "1072"}; null where there is none

Tried in the order of `forms`: `boxed` (the last \boxed{…}, braces balanced), `hashes` (what follows
the last ####, as in GSM8K), `phrase` (what follows the last "answer is" or
"answer:" up to the end of its line, where a single number counts alone: 18 of "18 dollars"),
`number` (the last number of the text). Numbers lose their thousands separators, signs of currency
and percent, a final full stop and zeros behind the point, so that equal ones are equal texts.
"""

import re
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.texts.answers import normal

Form = Literal["boxed", "hashes", "phrase", "number"]

_PHRASE = re.compile(r"answer(?:\s+is|\s*:|\s*=)\s*:?\s*", re.IGNORECASE)
_NUMBER = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?|[-−]?\.\d+")


class Answer(RowStage):
    """`columns: {response: …}` reads another column."""

    needs: ClassVar[tuple[str, ...]] = ("response",)
    adds: ClassVar[Columns] = {"answer": pa.string()}

    forms: tuple[Form, ...] = Field(("boxed", "hashes", "phrase", "number"), min_length=1)

    @override
    def decide(self, row: Row) -> Fate:
        text = row["response"] or ""
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


def _hashes(text: str) -> str:
    _, marked, after = text.rpartition("####")
    return after.strip().partition("\n")[0] if marked else ""


def _phrase(text: str) -> str:
    ends = [found.end() for found in _PHRASE.finditer(text)]
    line = text[ends[-1] :].strip().partition("\n")[0] if ends else ""
    numbers = _NUMBER.findall(line)
    return numbers[0] if len(numbers) == 1 else line


def _number(text: str) -> str:
    found = _NUMBER.findall(text)
    return found[-1] if found else ""


_FORMS = {"boxed": _boxed, "hashes": _hashes, "phrase": _phrase, "number": _number}
