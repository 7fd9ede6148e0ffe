"""Evolve a request or an answer step by step, and mark all versions in one comparison.

In:  {instruction: "Name three rivers."}
Out: a child per version: {version: 0, instruction: "Name three rivers.", mark: 1}, {version: 1,
     instruction: "Name three rivers that …", mark: 3}, …

Evol-Complexity, and with `aspect: quality` Evol-Quality, of Deita (arXiv:2312.15685, section 2): a
model evolves a text several times and then scores all versions side by side, which tells apart what
scoring one by one calls equal. The versions are shown in an order drawn by the row's seed: shown as
they came, a model marks them 1, 2, 3. Marks are 1 to 6, as Deita's.
"""

import random
import re
from collections.abc import Sequence
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, Sampling, chat
from stages.base import Columns, Derived, Fate, Kept, MultiCallStage, Role, Row
from stages.errors import ReplyError
from stages.shared.replies import parse_object, reading
from stages.shared.reply_form import ReplyForm
from stages.shared.sampled import SamplingSettings
from stages.shared.texts.leaks import refuse_leaks

_FORMS = {
    # Asked for a "version", small models write "1.0".
    "complexity": ReplyForm({"request": "text"}),
    "quality": ReplyForm({"answer": "text"}),
}


class Versions(SamplingSettings, MultiCallStage):
    """One call for each step, and one that marks."""

    version: ClassVar[int] = 4
    role: ClassVar[Role] = "generate"
    cites: ClassVar[tuple[str, ...]] = ("deita",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "schema"})
    derives: ClassVar[bool] = True
    uses_seed: ClassVar[bool] = True  # it draws the order, at any temperature

    aspect: Literal["complexity", "quality"] = "complexity"
    times: int = Field(3, ge=1, le=8)
    """Steps of evolution; Deita has five."""

    @property
    def _text(self) -> str:
        return "instruction" if self.aspect == "complexity" else "response"

    @property
    def _prompt(self) -> str:
        return f"evolve/{'harder' if self.aspect == 'complexity' else 'better'}_version"

    @property
    @override
    def prompts(self) -> tuple[str, ...]:
        return (self._prompt, "evolve/score_versions")

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("instruction", self._text, "seed")))

    @property
    @override
    def adds(self) -> Columns:
        return {self._text: pa.string(), "version": pa.int64(), "mark": pa.int64()}

    @property
    @override
    def most_calls(self) -> int:
        return self.times + 1

    @override
    def max_rows(self, rows: int) -> int:
        return rows * (self.times + 1)

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Ask | Fate:
        if not row[self._text]:
            return Kept()
        versions = [row[self._text]]
        for call, reply in enumerate(replies[: self.times]):
            with reading(call):
                versions.append(self._evolved(reply, versions))
        if len(replies) < self.times:
            values = {"instruction": row["instruction"], "text": versions[-1]}
            form = _FORMS[self.aspect]
            text = f"{prompts.render(self._prompt, **values)}\n\n{form.sentence()}"
            return Ask(chat(text), self.sampling(), schema=form.schema())
        order = random.Random(row["seed"]).sample(range(len(versions)), len(versions))
        if len(replies) == self.times:
            return self._marking(row, [versions[i] for i in order])
        with reading(self.times):
            marks = _marks(replies[-1], len(versions))
        by_version = dict(zip(order, marks, strict=True))
        return Derived(
            tuple(
                {self._text: text, "version": i, "mark": by_version[i]}
                for i, text in enumerate(versions)
            )
        )

    def _evolved(self, reply: Reply, before: Sequence[str]) -> str:
        text = str(next(iter(_FORMS[self.aspect].read(reply)[0].values())))
        refuse_leaks(text, prompts.text(self._prompt))
        if _bare(text) in map(_bare, before):
            raise ReplyError("the version is no other")
        return text

    def _marking(self, row: Row, shown: Sequence[str]) -> Ask:
        values = {"instruction": row["instruction"], "aspect": self.aspect, "versions": shown}
        mark = {"type": "integer", "minimum": 1, "maximum": 6}
        marks = {"type": "array", "items": mark, "minItems": len(shown), "maxItems": len(shown)}
        schema = {"type": "object", "properties": {"marks": marks}, "required": ["marks"]}
        text = prompts.render("evolve/score_versions", **values)
        return Ask(chat(text), Sampling(max_tokens=64), schema=schema)


def _bare(text: str) -> str:
    """Without what makes no other version: white space, quotation marks, commas and stops."""
    return re.sub(r"[\s\"'“”‘’.,;:!?]", "", text).casefold()


def _marks(reply: Reply, count: int) -> list[int]:
    marks = parse_object(reply.text).get("marks")
    if not isinstance(marks, list) or len(marks) != count:
        raise ReplyError(f"not {count} marks: {reply.text[:80]!r}")
    if not all(type(mark) is int and 1 <= mark <= 6 for mark in marks):
        raise ReplyError(f"marks are 1 to 6: {marks}"[:120])
    return marks
