"""Let the model name the skills a topic takes.

In:  {topic: "Cooking"}
Out: one row per skill, {topic: "Cooking", skill: "timing several dishes"}
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Derived, Fate, Role, Row
from stages.shared.replies import parse_texts, texts_schema
from stages.shared.sampled import Sampled


class Skills(Sampled):
    """One call per topic; `count` skills are asked for."""

    role: ClassVar[Role] = "generate"
    prompts: ClassVar[tuple[str, ...]] = ("skillmix/skills",)
    cites: ClassVar[tuple[str, ...]] = ("instruct-skillmix",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "schema"})
    needs: ClassVar[tuple[str, ...]] = ("topic",)
    derives: ClassVar[bool] = True
    adds: ClassVar[Columns] = {"skill": pa.string()}

    count: int = Field(4, ge=1, le=40)

    @override
    def max_rows(self, rows: int) -> int:
        return rows * self.count

    def ask(self, row: Row) -> Ask:
        """Name `count` skills of the row's topic."""
        schema = texts_schema("skills", self.count, self.count, 80)
        text = prompts.render("skillmix/skills", count=self.count, topic=row["topic"])
        return Ask(chat(text), self.sampling(), schema=schema)

    def read(self, row: Row, reply: Reply) -> Fate:
        """A child per distinct skill."""
        return Derived(tuple({"skill": skill} for skill in parse_texts(reply.text, "skills")))
