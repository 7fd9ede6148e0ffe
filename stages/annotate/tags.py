"""Tag an instruction: task category, difficulty, input quality, and why.

In:  {instruction: "Sort a list of tuples by the second item in Python."}
Out: {quality_explanation: "Clear and specific.", input_quality: "good", difficulty: "easy",
      task_category: "Coding & Debugging"}

Categories and scales are Magpie's (arXiv:2406.08464); one structured reply instead of its three
free-text ones, and "Others" is kept (the released notebook nulls it by a spelling slip).
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Fate, Kept, Row
from stages.errors import ReplyError
from stages.shared.replies import parse_object
from stages.shared.sampled import Sampled

CATEGORIES = (
    "Information seeking",
    "Reasoning",
    "Planning",
    "Editing",
    "Coding & Debugging",
    "Math",
    "Role playing",
    "Data analysis",
    "Creative writing",
    "Advice seeking",
    "Brainstorming",
    "Others",
)
QUALITIES = ("very poor", "poor", "average", "good", "excellent")
DIFFICULTIES = ("very easy", "easy", "medium", "hard", "very hard")

# The explanation comes first, so that the labels follow from it.
_SCALES = {
    "input_quality": QUALITIES,
    "difficulty": DIFFICULTIES,
    "task_category": CATEGORIES,
}
_SCHEMA = {
    "type": "object",
    "properties": {
        "explanation": {"type": "string", "maxLength": 160},
        **{name: {"enum": list(values)} for name, values in _SCALES.items()},
    },
    "required": ["explanation", *_SCALES],
    "additionalProperties": False,
}


class Tags(Sampled):
    """One structured reply per instruction."""

    prompts: ClassVar[tuple[str, ...]] = ("annotate/tags",)
    cites: ClassVar[tuple[str, ...]] = ("magpie",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "schema"})
    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {"quality_explanation": pa.string()} | dict.fromkeys(
        _SCALES, pa.string()
    )

    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: int = Field(160, gt=0)

    def ask(self, row: Row) -> Ask:
        """The instruction and the three scales."""
        text = prompts.render("annotate/tags", instruction=row["instruction"], scales=_SCALES)
        return Ask(chat(text), self.sampling(), schema=_SCHEMA)

    def read(self, row: Row, reply: Reply) -> Fate:
        """The reply's labels, each one of its scale."""
        tags = parse_object(reply.text)
        for name, values in _SCALES.items():
            if tags.get(name) not in values:
                raise ReplyError(f"{name} is {tags.get(name)!r}, not one of {', '.join(values)}")
        labels = {name: tags[name] for name in _SCALES}
        return Kept({"quality_explanation": str(tags.get("explanation", "")), **labels})
