"""Start from a file of your own instructions.

In:  a `.jsonl` or `.parquet` file with a text column, `{"instruction": "Name three rivers."}`
Out: {instruction: "Name three rivers.", finish_reason: "stop"}, as a sampled one would be
"""

from collections.abc import Sequence

import pyarrow as pa
from pydantic import Field

from stages.base import Annotated, Columns, Fate, Row, TableStage
from stages.source.row_file import RecipePath, digest, read_rows, text_field


class Instructions(TableStage):
    """One row per row of the file; `column` names the text, the first `rows` are taken."""

    path: RecipePath
    column: str = "instruction"
    rows: int | None = Field(None, gt=0)

    @property
    def adds(self) -> Columns:  # noqa: D102
        return {"instruction": pa.string(), "finish_reason": pa.string()}

    def seeds(self) -> Sequence[Row]:  # noqa: D102
        rows = read_rows(self.path)[: self.rows]
        texts = [text_field(row, self.column, self.path, i) for i, row in enumerate(rows, 1)]
        return [{"instruction": text, "finish_reason": "stop"} for text in texts]

    def identity(self) -> Row:  # noqa: D102
        return {"file": digest(self.path)}

    def apply(self, table: pa.Table) -> Sequence[Fate]:
        """The rows go on as they were read."""
        return [Annotated()] * table.num_rows
