"""A published figure beside ours."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.errors import UserError
from stages.shared.row_file import read_rows


@dataclass(frozen=True, slots=True)
class Reproduced:
    """`within`: by how much they may differ."""

    name: str
    published: float
    ours: float
    within: float

    @property
    def holds(self) -> bool:
        """Whether they are the same, as far as they have to be."""
        return abs(self.published - self.ours) <= self.within

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        difference = self.ours - self.published
        return {
            "figure": self.name,
            "published": self.published,
            "ours": self.ours,
            "difference": difference,
            "within": self.within,
            "holds": self.holds,
        }


def rows(path: Path, *columns: str) -> list[dict[str, Any]]:
    """The rows of a `.jsonl`, `.json`, `.csv` or `.parquet` file, which have these columns.

    Raises:
        UserError: there is no such file, or it lacks a column.
    """
    found = list(_read(path))
    for name in columns:
        if not found or name not in found[0]:
            known = ", ".join(found[0]) if found else "no rows"
            cause = f"{path} lacks the column '{name}' (it has: {known})"
            raise UserError(cause, "`bowerbird reproduce --help` says which files are wanted.")
    return found


def _read(path: Path) -> Iterable[dict[str, Any]]:
    if not path.is_file():
        raise UserError(f"there is no file {path}", "Give its folder, or the file, by --data.")
    if path.suffix == ".csv":
        import csv

        with path.open(newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))
    if path.suffix == ".json":
        import json

        text = path.read_text("utf-8")
        try:
            value = json.loads(text)
        except ValueError:
            value = [json.loads(line) for line in text.splitlines() if line.strip()]
        return value if isinstance(value, list) else [value]
    return list(read_rows(path, None))


def file(data: Path | None, name: str) -> Path:
    """The file `name` in the folder `data`, or `data` where it is a file.

    Raises:
        UserError: no data is given.
    """
    if data is None:
        raise UserError(f"{name} is not shipped here", "Give its folder, or the file, by --data.")
    return data / name if data.is_dir() else data
