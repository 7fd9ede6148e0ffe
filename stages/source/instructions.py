"""Start from a file of your own instructions.

In:  a `.jsonl` or `.parquet` file with a text column, `{"instruction": "Name three rivers."}`
Out: {instruction: "Name three rivers.", finish_reason: "stop"}, as a sampled one would be
"""

import sys
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, Row, TableStage
from stages.source.row_file import RecipePath, count_rows, digest, read_rows, text_field


class Instructions(TableStage):
    """One row per row of the file; `column` names the text, the first `rows` are taken."""

    role: ClassVar[Role] = "source"
    adds: ClassVar[Columns] = {"instruction": pa.string(), "finish_reason": pa.string()}

    path: RecipePath
    column: str = "instruction"
    rows: int | None = Field(None, gt=0)

    @override
    def initial_rows(self) -> Iterator[Row]:
        for number, row in enumerate(read_rows(self.path, self.rows), 1):
            text = text_field(row, self.column, self.path, number)
            yield {"instruction": text, "finish_reason": "stop"}

    @override
    def count_initial_rows(self) -> int:
        return min(self.rows or sys.maxsize, count_rows(self.path))

    @override
    def identity(self) -> Row:
        return {"file": digest(self.path)}

    def apply(self, table: pa.Table) -> Sequence[Fate]:
        """The rows go on as they were read."""
        return [Kept()] * table.num_rows
