r"""Start from human-written seed tasks in Self-Instruct's format (arXiv:2212.10560).

In:  {"id": "seed_task_1", "instruction": "What is the relation …?", "instances": [{"input":
     "Night : Day", "output": "…"}]}, one JSON object a line
Out: {instruction: "What is the relation …?\nNight : Day", seed_task: "seed_task_1"}

The first instance's input stands below the instruction, as WizardLM's released code joins them.
"""

from typing import Any, ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Row
from stages.shared.file_source import FileSource
from stages.shared.row_file import text_field


class SeedTasks(FileSource):
    """One row per task."""

    cites: ClassVar[tuple[str, ...]] = ("self-instruct",)
    adds: ClassVar[Columns] = {"instruction": pa.string(), "seed_task": pa.string()}

    input: bool = True
    """Whether the first instance's input stands below the instruction."""

    @override
    def row(self, given: dict[str, Any], position: int) -> Row:
        instruction = text_field(given, "instruction", self.path, position)
        name = text_field(given, "id", self.path, position)
        instances = given.get("instances") if self.input else None
        first = instances[0] if isinstance(instances, list) and instances else {}
        more = first.get("input") if isinstance(first, dict) else None
        text = f"{instruction}\n{more}".strip() if isinstance(more, str) else instruction
        return {"instruction": text, "seed_task": name}
