"""Let the model name kinds of requests people make.

In:  nothing; one blank row
Out: {query_types: ["How-to help", "Explanation", …]}

Instruct-SkillMix (arXiv:2408.14774) keeps the lists its models named and not the prompts; these
prompts are ours.
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Fate, Kept, Role, Row
from stages.shared.replies import parse_texts, texts_schema
from stages.shared.sampled import Sampled


class QueryTypes(Sampled):
    """One call; `count` kinds are asked for."""

    role: ClassVar[Role] = "generate"
    prompts: ClassVar[tuple[str, ...]] = ("skillmix/query_types",)
    cites: ClassVar[tuple[str, ...]] = ("instruct-skillmix",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "schema"})
    adds: ClassVar[Columns] = {"query_types": pa.list_(pa.string())}

    count: int = Field(8, ge=2, le=40)

    def initial_rows(self) -> Sequence[Row]:
        """One blank row."""
        return [{}]

    def ask(self, row: Row) -> Ask:
        """Name `count` kinds."""
        schema = texts_schema("query_types", self.count, self.count, 60)
        text = prompts.render("skillmix/query_types", count=self.count)
        return Ask(chat(text), self.sampling(), schema=schema)

    def read(self, row: Row, reply: Reply) -> Fate:
        """The distinct kinds."""
        return Kept({"query_types": parse_texts(reply.text, "query_types")})
