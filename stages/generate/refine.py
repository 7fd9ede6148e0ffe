"""Rewrite a draft answer by its critique.

In:  {instruction: "Name three rivers.", draft: "The Nile.", critique: "- Names one river …"}
Out: {response: "The Nile, the Amazon and the Rhine.", response_finish_reason: "stop"}
"""

from typing import ClassVar

import pyarrow as pa

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Fate, Kept, Role, Row
from stages.shared.sampled import Sampled


class Refine(Sampled):
    """One refined answer per draft."""

    role: ClassVar[Role] = "generate"
    prompts: ClassVar[tuple[str, ...]] = ("generate/refine",)

    requires: ClassVar[frozenset[Capability]] = frozenset({"chat"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "draft", "critique")
    adds: ClassVar[Columns] = {"response": pa.string(), "response_finish_reason": pa.string()}

    def ask(self, row: Row) -> Ask:
        """The request, the draft and the critique."""
        values = {name: row[name] for name in self.needs}
        return Ask(chat(prompts.render("generate/refine", **values)), self.sampling())

    def read(self, row: Row, reply: Reply) -> Fate:
        """The refined answer without surrounding white space."""
        sample = reply.sample
        return Kept(
            {"response": sample.text.strip(), "response_finish_reason": sample.finish_reason}
        )
