"""Write an instruction that takes all of a row's skills.

In:  {skills: ["timing several dishes", "reading a map"], query_type: "Explanation"}
Out: {instruction: "We cook at three campsites along a trail …", finish_reason: "stop"}
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Fate, Kept, Role, Row
from stages.shared.replies import REQUEST_SCHEMA, parse_request
from stages.shared.sampled import Sampled


class Write(Sampled):
    """One instruction per set of skills."""

    role: ClassVar[Role] = "generate"
    prompts: ClassVar[tuple[str, ...]] = ("skillmix/write",)
    cites: ClassVar[tuple[str, ...]] = ("instruct-skillmix",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "schema"})
    needs: ClassVar[tuple[str, ...]] = ("skills", "query_type")
    adds: ClassVar[Columns] = {"instruction": pa.string(), "finish_reason": pa.string()}

    temperature: float = Field(0.8, ge=0, le=2)
    max_tokens: int = Field(256, gt=0)

    def ask(self, row: Row) -> Ask:
        """The skills and the kind of request."""
        text = prompts.render("skillmix/write", skills=row["skills"], query_type=row["query_type"])
        return Ask(chat(text), self.sampling(), schema=REQUEST_SCHEMA)

    def read(self, row: Row, reply: Reply) -> Fate:
        """The instruction."""
        return Kept({"instruction": parse_request(reply.text), "finish_reason": "stop"})
