"""Embed a text.

In:  {instruction: "Name three rivers."}
Out: {embedding: [0.03, -0.12, …]}, float32, of unit length
"""

import math
from typing import ClassVar

import pyarrow as pa

from stages.ask import Ask, Capability, Passage, Reply
from stages.base import Columns, Fate, Kept, PromptStage, Row
from stages.errors import ReplyError


class Embedding(PromptStage):
    """At unit length, a dot product of two vectors is their cosine."""

    uses_seed: ClassVar[bool] = False
    requires: ClassVar[frozenset[Capability]] = frozenset({"embed"})
    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {"embedding": pa.list_(pa.float32())}

    engine: str = "embedder"

    def ask(self, row: Row) -> Ask:
        """The text as it stands."""
        return Ask(Passage(row["instruction"]))

    def read(self, row: Row, reply: Reply) -> Fate:
        """The vector, at unit length."""
        length = math.sqrt(sum(x * x for x in reply.vector))
        if not length or not math.isfinite(length):
            raise ReplyError("the embedding is empty, zero or not finite")
        return Kept({"embedding": [x / length for x in reply.vector]})
