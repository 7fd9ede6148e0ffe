"""Embed a text column.

In:  {instruction: "Name three rivers."}
Out: {embedding: [0.03, -0.12, …]}, float32, of unit length
"""

import math

import pyarrow as pa

from stages.ask import Ask, Capability, Passage, Reply
from stages.base import Annotated, Columns, Fate, PromptStage, Row
from stages.errors import ReplyError


class Embedding(PromptStage):
    """`column` is embedded; at unit length, a dot product of two vectors is their cosine."""

    engine: str = "embedder"
    column: str = "instruction"

    @property
    def draws(self) -> bool:  # noqa: D102
        return False

    @property
    def wants(self) -> frozenset[Capability]:  # noqa: D102
        return frozenset({"embed"})

    @property
    def needs(self) -> tuple[str, ...]:  # noqa: D102
        return (self.column,)

    @property
    def adds(self) -> Columns:  # noqa: D102
        return {"embedding": pa.list_(pa.float32())}

    def ask(self, row: Row) -> Ask:
        """The text as it stands."""
        return Ask(Passage(row[self.column]))

    def read(self, row: Row, reply: Reply) -> Fate:
        """The vector, at unit length."""
        length = math.sqrt(sum(x * x for x in reply.vector))
        if not length or not math.isfinite(length):
            raise ReplyError("the embedding is empty, zero or not finite")
        return Annotated({"embedding": [x / length for x in reply.vector]})
