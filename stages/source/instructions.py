"""Start from a file of your own instructions.

In:  a `.jsonl` or `.parquet` file with a text column, `{"instruction": "Name three rivers."}`
Out: {instruction: "Name three rivers.", finish_reason: "stop"}, as a sampled one would be
"""

from typing import Any, ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Row
from stages.shared.file_source import FileSource
from stages.shared.row_file import text_field


class Instructions(FileSource):
    """One row per row of the file; `column` names the text."""

    adds: ClassVar[Columns] = {"instruction": pa.string(), "finish_reason": pa.string()}

    column: str = "instruction"

    @override
    def row(self, given: dict[str, Any], position: int) -> Row:
        text = text_field(given, self.column, self.path, position)
        return {"instruction": text, "finish_reason": "stop"}
