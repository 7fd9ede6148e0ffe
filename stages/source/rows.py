"""Start from a file of rows with columns of any kind, such as rows that already have answers.

In:  a `.jsonl` or `.parquet` file, `{"question": "Name three rivers.", "answer": "The Nile, …"}`
Out: {question: "Name three rivers.", answer: "The Nile, …"}, the columns that `take` names

`{use: source.rows, path: mine.jsonl, take: {question: text, answer: text}}`; `columns:
{question: instruction}` gives a column another name. A null stays a null.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Row
from stages.errors import UserError
from stages.shared.conversation import MESSAGES, is_conversation
from stages.shared.file_source import FileSource

Kind = Literal["text", "number", "integer", "boolean", "texts", "numbers", "messages"]

_TYPES: Mapping[Kind, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "texts": pa.list_(pa.string()),
    "numbers": pa.list_(pa.float64()),
    "messages": MESSAGES,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS: Mapping[Kind, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "texts": lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
    "numbers": lambda value: isinstance(value, list) and all(map(_is_number, value)),
    "messages": is_conversation,
}


class Rows(FileSource):
    """One row per row of the file."""

    take: Mapping[str, Kind] = Field(min_length=1)
    """The file's columns that are wanted, and what each holds."""

    @property
    @override
    def adds(self) -> Columns:
        return {name: _TYPES[self.take[name]] for name in sorted(self.take)}

    @override
    def row(self, given: dict[str, Any], position: int) -> Row:
        return {name: self._value(given, name, position) for name in self.take}

    def _value(self, given: dict[str, Any], name: str, position: int) -> Any:
        where = f"{self.path} row {position}"
        if name not in given:
            known = ", ".join(map(str, given)) or "nothing"
            cause = f"{where} lacks '{name}' (it has: {known})"
            raise UserError(cause, "Name its columns in the recipe's `take`.")
        value = given[name]
        # Arrow would cut 2.5 to an integer's 2.
        if value is not None and not _IS[self.take[name]](value):
            found = type(value).__name__
            if isinstance(value, list) and self.take[name] in ("texts", "numbers"):
                odd = next((v for v in value if not _IS[self.take[name]]([v])), None)
                found = f"list with {odd!r:.40}"
            cause = f"{where} has a {found} for '{name}', which is no {self.take[name]}"
            raise UserError(
                cause, f"Correct the row, or say in `take` what it is: {', '.join(_TYPES)}."
            )
        return value
