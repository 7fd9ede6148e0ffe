"""Embed a text column.

In:  {instruction: "Name three rivers."}
Out: {embedding: [0.03, -0.12, …]}, float32, of unit length
"""

import math
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.ask import Ask, Capability, Passage, Reply
from stages.base import Annotated, Columns, Fate, PromptStage, Row
from stages.errors import ReplyError


class Embedding(PromptStage):
    """`column` is embedded; at unit length, a dot product of two vectors is their cosine."""

    draws: ClassVar[bool] = False
    wants: ClassVar[frozenset[Capability]] = frozenset({"embed"})
    adds: ClassVar[Columns] = {"embedding": pa.list_(pa.float32())}

    engine: str = "embedder"
    column: str = "instruction"

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return (self.column,)

    def ask(self, row: Row) -> Ask:
        """The text as it stands."""
        return Ask(Passage(row[self.column]))

    def read(self, row: Row, reply: Reply) -> Fate:
        """The vector, at unit length."""
        length = math.sqrt(sum(x * x for x in reply.vector))
        if not length or not math.isfinite(length):
            raise ReplyError("the embedding is empty, zero or not finite")
        return Annotated({"embedding": [x / length for x in reply.vector]})
