"""List what is weak in a draft answer.

In:  {instruction: "Name three rivers.", draft: "The Nile."}
Out: {critique: "- Names one river, three were asked for."}
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Fate, Kept, Row
from stages.shared.sampled import Sampled


class Critique(Sampled):
    """One critique per draft, of at most three points."""

    prompts: ClassVar[tuple[str, ...]] = ("generate/critique",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "draft")
    adds: ClassVar[Columns] = {"critique": pa.string()}

    max_tokens: int = Field(160, gt=0)

    def ask(self, row: Row) -> Ask:
        """The request and the draft."""
        text = prompts.render(
            "generate/critique", instruction=row["instruction"], draft=row["draft"]
        )
        return Ask(chat(text), self.sampling())

    def read(self, row: Row, reply: Reply) -> Fate:
        """The critique as it stands; one that is cut off still helps."""
        return Kept({"critique": reply.text.strip()})
