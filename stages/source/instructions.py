"""Start from a file of your own instructions.

In:  a `.jsonl` or `.parquet` file with a text column, `{"instruction": "Name three rivers."}`
Out: {instruction: "Name three rivers.", finish_reason: "stop"}, as a sampled one would be
"""

import sys
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from stages.base import Annotated, Columns, Fate, Role, Row, TableStage
from stages.source.row_file import RecipePath, count_rows, digest, read_rows, text_field


class Instructions(TableStage):
    """One row per row of the file; `column` names the text, the first `rows` are taken."""

    role: ClassVar[Role] = "source"

    path: RecipePath
    column: str = "instruction"
    rows: int | None = Field(None, gt=0)

    @property
    def adds(self) -> Columns:  # noqa: D102
        return {"instruction": pa.string(), "finish_reason": pa.string()}

    def seeds(self) -> Iterator[Row]:  # noqa: D102
        for number, row in enumerate(read_rows(self.path, self.rows), 1):
            text = text_field(row, self.column, self.path, number)
            yield {"instruction": text, "finish_reason": "stop"}

    def count_seeds(self) -> int:  # noqa: D102
        return min(self.rows or sys.maxsize, count_rows(self.path))

    def identity(self) -> Row:  # noqa: D102
        return {"file": digest(self.path)}

    def apply(self, table: pa.Table) -> Sequence[Fate]:
        """The rows go on as they were read."""
        return [Annotated()] * table.num_rows
