"""Read a user's file of rows, JSON Lines or Parquet, a row at a time.

A folder-relative `path` in a recipe is taken from the recipe's own folder. The path is not part
of a stage's identity, the file's content is: a file that changes after it was looked at is not
read on.
"""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AfterValidator, Field, ValidationInfo

from stages.errors import UserError
from stages.shared.unicode import parse_json

_BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"


def _beside_recipe(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return Path(folder) / path if folder is not None else path


RelativePath = Annotated[Path, AfterValidator(_beside_recipe), Field(exclude=True)]
"""A path in a recipe: relative to the recipe's folder, left out of fingerprints."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """Of a file's content: sha256 in hex, and how many rows it has."""

    digest: str
    rows: int


def digest(path: Path) -> str:
    """Sha256 of the file's bytes in hex; empty for a file that is not there."""
    return _facts(path).digest if _is_there(path) else ""


def count_rows(path: Path) -> int:
    """How many rows the file has. Raises as `read_rows` does."""
    _check(path)
    return _facts(path).rows


def read_rows(path: Path, most: int | None = None) -> Iterator[dict[str, Any]]:
    """The first `most` rows of a `.jsonl` or `.parquet` file, or all.

    Raises:
        UserError: the file is missing, of another kind, not what its name says, or changed
            since its digest was taken.
    """
    _check(path)
    known = _facts(path)
    with path.open("rb") as file:
        rows = _parquet_rows(file, path) if path.suffix == ".parquet" else _json_rows(file, path)
        yield from itertools.islice(rows, most)
        # Of the file that was read, whatever has the name now.
        if _content_facts(file, path) != known:
            cause = f"{path} was changed while it was read"
            raise UserError(cause, "Run again: the rows are those of the file as it is then.")


def _check(path: Path) -> None:
    if not _is_there(path):
        remedy = "Check the recipe's `path`: it is relative to the recipe's own folder."
        raise UserError(f"there is no file {path.resolve()}", remedy)
    if path.suffix not in (".jsonl", ".parquet"):
        raise UserError(
            f"{path} ends in '{path.suffix}'", "Rows come from .jsonl or .parquet files."
        )


def _facts(path: Path) -> _Facts:
    there = path.stat()
    return _facts_of(path.resolve(), there.st_ino, there.st_size, there.st_mtime_ns)


@lru_cache(maxsize=64)
def _facts_of(path: Path, inode: int, size: int, changed_ns: int) -> _Facts:
    """Read once for as long as the file looks the same: a plan asks several times."""
    with path.open("rb") as file:
        return _content_facts(file, path)


def _content_facts(file: BinaryIO, path: Path) -> _Facts:
    file.seek(0)
    hashed, lines = hashlib.sha256(), 0
    for line in file:
        hashed.update(line)
        lines += bool(line.strip(b"\r\n\t " + _BOM))
    if path.suffix != ".parquet":
        return _Facts(hashed.hexdigest(), lines)
    file.seek(0)
    try:
        return _Facts(hashed.hexdigest(), pq.read_metadata(file).num_rows)
    except (pa.ArrowException, OSError):
        return _Facts(hashed.hexdigest(), 1)  # reading it says what is wrong


def _parquet_rows(file: BinaryIO, path: Path) -> Iterator[dict[str, Any]]:
    try:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=1024, use_threads=False):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is not a Parquet file ({error})", "Write it again.") from None


def _json_rows(file: BinaryIO, path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, 1):
        try:
            # Editors on Windows put a byte order mark first.
            text = (line.removeprefix(_BOM) if number == 1 else line).decode("utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{path} is not UTF-8 text", "Save it as UTF-8.") from None
        if text.strip():
            yield _parse(text, path, number)


def _parse(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = parse_json(line, finite=False)
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
    where = f"{path} row {position}"
    if name in row and value is None:
        cause = f"{where} has a null for the text '{name}'"
        raise UserError(cause, "Take the row out, or read the file by `source.rows`: nulls stay.")
    found = "lacks" if value is None else f"has a {type(value).__name__} for"
    known = ", ".join(map(str, row)) or "nothing"
    cause = f"{where} {found} the text '{name}' (it has: {known})"
    raise UserError(cause, "Name the right column in the recipe's first stage.")
