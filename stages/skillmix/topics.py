"""Let the model name topics that need skill.

In:  {query_types: […]}, one row
Out: one row per topic, {query_types: […], topic: "Cooking"}
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


class Topics(Sampled):
    """One call; `count` topics are asked for."""

    role: ClassVar[Role] = "generate"
    prompts: ClassVar[tuple[str, ...]] = ("skillmix/topics",)
    cites: ClassVar[tuple[str, ...]] = ("instruct-skillmix",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "schema"})
    derives: ClassVar[bool] = True
    adds: ClassVar[Columns] = {"topic": pa.string()}

    count: int = Field(8, ge=2, le=40)

    @override
    def max_rows(self, rows: int) -> int:
        return rows * self.count

    def ask(self, row: Row) -> Ask:
        """Name `count` topics."""
        schema = texts_schema("topics", self.count, self.count, 60)
        text = prompts.render("skillmix/topics", count=self.count)
        return Ask(chat(text), self.sampling(), schema=schema)

    def read(self, row: Row, reply: Reply) -> Fate:
        """A child per distinct topic."""
        return Derived(tuple({"topic": topic} for topic in parse_texts(reply.text, "topics")))
