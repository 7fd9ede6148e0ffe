"""Give each row the same rows of a chain, as lists.

In:  any row, and {instruction: "Name a river.", response: "The Po."}, … of the chain `of`
Out: {anchors: ["Name a river.", …], anchor_answers: ["The Po.", …]}, the first `rows` of the chain

    - {use: draw.shared, of: tasks, take: {anchors: instruction, anchor_answers: response}, rows: 8}

What all rows are measured against, as the anchor tasks of Nuggets (arXiv:2312.10302). A row of the
chain in which one of the taken columns is null is passed over.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, SetStage, ShardReader
from stages.errors import RunError


class Shared(SetStage):
    """Lists of equal length, of an empty chain empty ones."""

    uses_seed: ClassVar[bool] = False
    cites: ClassVar[tuple[str, ...]] = ("nuggets",)

    of: str
    """The chain's name in the recipe."""
    take: Mapping[str, str] = Field(min_length=1)
    """By the new column's name, the chain's text column that it is filled from."""
    rows: int = Field(ge=1, le=1000)

    @property
    @override
    def adds(self) -> Columns:
        return dict.fromkeys(self.take, pa.list_(pa.string()))

    @property
    @override
    def reads(self) -> Mapping[str, Sequence[str]]:
        return {self.of: tuple(dict.fromkeys(self.take.values()))}

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        tables = rows.chain(self.of).tables(list(dict.fromkeys(self.take.values())))
        there = (row for table in tables for row in table.to_pylist())
        whole = (row for row in there if all(row[name] is not None for name in self.take.values()))
        first: list[Row] = list(islice(whole, self.rows))
        lists = {new: [row[name] for row in first] for new, name in self.take.items()}
        for new, values in lists.items():
            if odd := [value for value in values if not isinstance(value, str)]:
                cause = f"'{self.take[new]}' of the chain '{self.of}' holds {odd[0]!r:.40}, no text"
                raise RunError(cause, "Take a column of texts.")
        for table in rows.tables(["id"]):
            yield from (Kept(lists) for _ in range(table.num_rows))
