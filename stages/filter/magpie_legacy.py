r"""Cut instructions as Magpie's released sanitiser does, for comparisons with its published sets.

In:  {instruction: "1. Question: What is a heap? When is it used?", finish_reason: "stop"}
Out: {instruction: "What is a heap?", raw_instruction: "1. Question: …",
     instruction_sanitize_class_num: "99.1"}, or dropped as filter.empty

By the released code (arXiv:2406.08464): list numbers and labels come off, then the first rule that
fits cuts the text: a bold or quoted question at its question mark (1, 2.1; else 2.2 the first
line), text after <b> (3), what stands before a word for the assistant (4), "# Step 1" (5), a first
line that ends with a colon (6.1 at "#", 6.2 at "?", 6.3 the line), and otherwise the first
question mark (99.1) or the first line (99.2). A request of several sentences loses what stands
behind its first question: `filter.instruction` has our own rules, which cut nothing. The released
rule for "Answer:" cannot match, and is left so.
"""

import re
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, Row, RowStage

_ENUMERATOR = re.compile(r"^(?:\d+\.|\w+\))\s*")
_LABEL = (
    r"(?:task|prompt|question|problem|scenario|context|query|request|instructions?|descriptions?)"
)
_LABELS = re.compile(
    rf"^(?:#+\s*{_LABEL}\s*:|\*\*{_LABEL}:?\*\*:?|{_LABEL}\s*:|question\s+\d+\s*[:.]|part\s+\d+\s*:"
    rf"|q\d+\s*[.:])\s*",
    re.IGNORECASE,
)
_ASSISTANT = re.compile(r"\n(?:assistant|ai|chatbot)s?:", re.IGNORECASE)
_STEP = "# Step 1"


class MagpieLegacy(RowStage):
    """Opt-in: it ruins requests of several questions, and the published sets have it."""

    role: ClassVar[Role] = "filter"
    cites: ClassVar[tuple[str, ...]] = ("magpie",)
    needs: ClassVar[tuple[str, ...]] = ("instruction", "finish_reason")
    adds: ClassVar[Columns] = {
        "instruction": pa.string(),
        "raw_instruction": pa.string(),
        "instruction_sanitize_class_num": pa.string(),
    }
    removes: ClassVar[tuple[str, ...]] = ("finish_reason",)

    @override
    def decide(self, row: Row) -> Fate:
        raw = row["instruction"] or ""
        text, rule = sanitise(raw)
        if not text:
            return Dropped("filter.empty", raw[:80])
        return Kept(
            {
                "instruction": text,
                "raw_instruction": raw,
                "instruction_sanitize_class_num": rule,
            }
        )


def sanitise(text: str) -> tuple[str, str]:
    """The text that is left, and the number of the rule that cut it."""
    text = _LABELS.sub("", _ENUMERATOR.sub("", text.strip())).strip()
    found = (rule(text) for rule in (_marked, _before_an_answer, _behind_a_colon, _otherwise))
    return next(each for each in found if each is not None)


def _marked(text: str) -> tuple[str, str] | None:
    """Text in bold or in quotes."""
    if text.startswith("*") and "?" in text:
        return _to_question(text).lstrip("* "), "1"
    if text[:1] in ('"', "“", "'") and text:
        return (_to_question(text), "2.1") if "?" in text else (_line(text), "2.2")
    if text.startswith("<b>"):
        return _line(text).removeprefix("<b>").replace("</b>", "").strip(), "3"
    return None


def _before_an_answer(text: str) -> tuple[str, str] | None:
    if (marker := _ASSISTANT.search(text)) is not None:
        return text[: marker.start()].strip(), "4"
    return (text[: text.index(_STEP)].strip(), "5") if _STEP in text else None


def _behind_a_colon(text: str) -> tuple[str, str] | None:
    if not _line(text).endswith(":"):
        return None
    if "#" in text:
        return text[: text.index("#")].strip(), "6.1"
    return (_to_question(text), "6.2") if "?" in text else (_line(text), "6.3")


def _otherwise(text: str) -> tuple[str, str]:
    return (_to_question(text), "99.1") if "?" in text else (_line(text), "99.2")


def _line(text: str) -> str:
    """The first one."""
    return text.split("\n", 1)[0].strip()


def _to_question(text: str) -> str:
    """Up to the first question mark, itself included."""
    return text[: text.index("?") + 1].strip()
