r"""Cut instructions as Magpie's released sanitiser does, for comparisons with its published sets.

In:  {instruction: "1. Question: What is a heap? When is it used?", finish_reason: "stop"}
Out: {instruction: "What is a heap?", raw_instruction: "1. Question: …",
     instruction_sanitize_class_num: "99.1"}, or dropped as filter.empty

By the released code for Llama 3 (arXiv:2406.08464): list numbers and labels come off, then the
first rule that fits cuts the text: a bold or a quoted question at its question mark (1, 2.1; else
2.2, the first line), nothing after <b> (3), what stands before an assistant's words (4), before
"# Step 1" (5), a first line that ends with a colon (6.1 at "#", 6.2 at "?", 6.3 the line), and
otherwise the first question mark (99.1) or the first line (99.2). A request of several sentences
loses what stands behind its first question: `filter.instruction` has our own rules, which cut
nothing. Its slips are kept: "Answer:" is found before another colon only. Departure: a text of
which nothing is left is dropped; the released code keeps it.
"""

import re
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, Row, RowStage

_ENUMERATOR = re.compile(r"^(?:\d+\.|\w+\))\s*")
_LABELS = (
    "task|prompt|original prompt|question|the problem|problem|scenario|the senario|situation"
    "|the situation|context|challenge|query|request|instructions?|descriptions?"
)
_LABEL = re.compile(
    rf"(?:(?:{_LABELS}):|\*\*(?:{_LABELS})\*\*|\#\#\ (?:{_LABELS}):"
    r"|question \d+[:.]|part \d+:|q\d+[:.])\s*",
    re.IGNORECASE,
)
_ASSISTANT = re.compile(
    r"(?:Answers?:|The answer is|(?:The c|C)orrect answer|Answer is|Explanation:|Here are some"
    r"|Solution(?: Approach)?:)s?:"
)
_STEP = re.compile(r"#{1,3} Step 1")


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
    text = _unlabelled(text)
    if text.startswith("*") and "?" in text:
        return _unlabelled(_question(text.replace("*", ""))), "1"
    # The places are found before labels come off a second time, and used behind it.
    found = _ASSISTANT.search(text), _STEP.search(text)
    text = _unlabelled(text)
    left, rule = _marked(text) or _cut_before(text, *found) or _at_an_end(text)
    return _unlabelled(left), rule


def _unlabelled(text: str) -> str:
    text = _ENUMERATOR.sub("", text).strip()
    label = _LABEL.match(text)
    return text[label.end() :].strip() if label else text


def _marked(text: str) -> tuple[str, str] | None:
    """Quotes and bold type."""
    if text.startswith('"') and "?" in text:
        return _question(text.replace('"', "")), "2.1"
    if text.startswith('"'):
        return _line(text.split("\n", maxsplit=1)[0].replace('"', "").strip()), "2.2"
    return (text.replace("*", "").strip(), "3") if text.startswith("<b>") else None


def _cut_before(
    text: str, assistant: re.Match[str] | None, step: re.Match[str] | None
) -> tuple[str, str] | None:
    """What an assistant would say."""
    if assistant is not None:
        return _unbold(text[: assistant.start()].strip()), "4"
    return (_unbold(text[: step.start()].strip()), "5") if step is not None else None


def _at_an_end(text: str) -> tuple[str, str]:
    """The end of a question, a line, or what announces something."""
    announces = text.split("\n", maxsplit=1)[0].strip().endswith(":")
    if announces and "#" in text:
        return _unbold(text[: text.index("#")].strip()), "6.1"
    if "?" in text:
        return _unbold(_question(text)), "6.2" if announces else "99.1"
    return _line(text), "6.3" if announces else "99.2"


def _question(text: str) -> str:
    """Up to the first question mark, itself included."""
    return text[: text.index("?")].strip() + "?"


def _line(text: str) -> str:
    """The first line, without stars."""
    return text.split("\n", maxsplit=1)[0].replace("*", "").strip()


def _unbold(text: str) -> str:
    """Without double stars, if the first stand at the second character: a slip that is kept."""
    return text.replace("**", "").strip() if text.find("**") == 1 else text
