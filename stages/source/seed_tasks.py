r"""Start from human-written seed tasks in Self-Instruct's format (arXiv:2212.10560).

In:  {"id": "seed_task_1", "instruction": "What is the relation …?", "instances": [{"input":
     "Night : Day", "output": "…"}]}, one JSON object a line
Out: {instruction: "What is the relation …?\nNight : Day", seed_task: "seed_task_1"}

The first instance's input stands below the instruction, as WizardLM's released code joins them.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, Row, TableStage
from stages.source.row_file import RecipePath, count_rows, digest, read_rows, text_field


class SeedTasks(TableStage):
    """The first `rows` tasks of the file, or all."""

    role: ClassVar[Role] = "source"
    cites: ClassVar[tuple[str, ...]] = ("self-instruct",)
    adds: ClassVar[Columns] = {"instruction": pa.string(), "seed_task": pa.string()}

    path: RecipePath
    rows: int | None = Field(None, gt=0)

    @override
    def initial_rows(self) -> Iterator[Row]:
        for number, row in enumerate(read_rows(self.path, self.rows), 1):
            yield self._seed(row, number)

    @override
    def count_initial_rows(self) -> int:
        return min(self.rows or sys.maxsize, count_rows(self.path))

    def _seed(self, row: dict[str, Any], position: int) -> Row:
        instruction = text_field(row, "instruction", self.path, position)
        instances = row.get("instances")
        first = instances[0] if isinstance(instances, list) and instances else {}
        given = first.get("input") if isinstance(first, dict) else None
        text = f"{instruction}\n{given}".strip() if isinstance(given, str) else instruction
        return {"instruction": text, "seed_task": text_field(row, "id", self.path, position)}

    @override
    def identity(self) -> Row:
        return {"file": digest(self.path)}

    def apply(self, table: pa.Table) -> Sequence[Fate]:
        """The rows go on as they were read."""
        return [Kept()] * table.num_rows
