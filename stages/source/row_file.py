"""Read a user's file of rows: JSON Lines or Parquet.

A folder-relative `path` in a recipe is taken from the recipe's own folder. The path is not part
of a stage's identity, the file's content is.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AfterValidator, Field, ValidationInfo

from stages.errors import UserError
from stages.unicode import parse_json


def _beside_recipe(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return Path(folder) / path if folder is not None else path


RecipePath = Annotated[Path, AfterValidator(_beside_recipe), Field(exclude=True)]
"""A path in a recipe: relative to the recipe's folder, left out of fingerprints."""


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All rows of a `.jsonl` or `.parquet` file.

    Raises:
        UserError: the file is missing, of another kind, or not what its name says.
    """
    if not _is_there(path):
        raise UserError(f"there is no file {path}", "Check `path` in the recipe's first stage.")
    if path.suffix == ".jsonl":
        return _read_jsonl(path)
    if path.suffix == ".parquet":
        try:
            return list(pq.read_table(path).to_pylist())
        except pa.ArrowInvalid as error:
            raise UserError(f"{path} is not a Parquet file ({error})", "Write it anew.") from None
    raise UserError(f"{path} ends in '{path.suffix}'", "Rows come from .jsonl or .parquet files.")


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    rows = []
    with path.open(encoding="utf-8", errors="strict") as lines:
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    rows.append(_parse(line, path, number))
        except UnicodeDecodeError:
            raise UserError(f"{path} is not UTF-8 text", "Save it as UTF-8.") from None
    return rows


def _parse(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except (ValueError, RecursionError) as error:
        cause = f"{path} line {number} is not JSON ({error})"
        raise UserError(cause, "Each line must be one JSON object.") from None
    if not isinstance(row, dict):
        cause = f"{path} line {number} is a JSON {type(row).__name__}"
        raise UserError(cause, "Each line must be one JSON object.")
    return row


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def text_field(row: dict[str, Any], name: str, path: Path, position: int) -> str:
    """The text `row[name]`.

    Raises:
        UserError: the field is missing or is not text; the message names the row.
    """
    value = row.get(name)
    if isinstance(value, str):
        return value
    found = "lacks" if value is None else f"has a {type(value).__name__} for"
    known = ", ".join(map(str, row)) or "nothing"
    cause = f"{path} row {position} {found} the text '{name}' (it has: {known})"
    raise UserError(cause, "Name the right column in the recipe's first stage.")


def digest(path: Path) -> str:
    """Sha256 of the file's bytes in hex; empty for a file that is not there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if _is_there(path) else ""
