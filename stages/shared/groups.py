"""Rows of a whole set by the kind that a column names."""

from collections.abc import Iterator
from typing import Any

from stages.base import ShardReader


def by_group(rows: ShardReader, column: str) -> Iterator[tuple[str | None, Any]]:
    """Each row's `group` (any type, told apart by how it prints; null stays null) and `column`."""
    for table in rows.tables([column, "group"]):
        for group, value in zip(table["group"].to_pylist(), table[column].to_pylist(), strict=True):
            yield None if group is None else repr(group), value
