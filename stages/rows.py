"""What a stage is given: rows, and of a whole set the shards."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import pyarrow as pa

Row = Mapping[str, Any]
"""A read-only row: `id` (32 hex digits), `parents` (ids), then the columns stages have added."""

Role = Literal[
    "source", "mix", "generate", "filter", "annotate", "judge", "dedup", "select", "pair"
]
"""What a stage is for."""

Columns = Mapping[str, pa.DataType]
"""Arrow types by the column's name."""


class ShardReader(Protocol):
    """All rows of a set stage's input, shard by shard; can be read more than once."""

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The shards in order, restricted to `columns`."""
        ...

    def chain(self, name: str) -> "ShardReader":
        """The rows of another chain, one of those that `SetStage.reads` names."""
        ...
