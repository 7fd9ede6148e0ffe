"""Shards: Parquet files that are written once, checksummed, and verified before they are read."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.store.files import sha256, write_atomically
from pipelines.store.manifest import File, Shard
from stages.errors import RunError

REJECTED = pa.schema(
    [
        ("id", pa.string()),
        ("parents", pa.list_(pa.string())),
        ("fate", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("row", pa.string()),
    ]
)
"""Rows that do not go on. `fate` is dropped or failed; `row` is JSON of the row's columns."""


def write(folder: Path, name: str, table: pa.Table) -> File:
    """Write `table` as `folder/name`. The same rows give the same bytes.

    Raises:
        RunError: the disk is full or the folder cannot be written to.
    """
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", store_schema=True)
    content = buffer.getvalue()
    path = folder / name
    write_atomically(path, content)
    return File(name=name, sha256=sha256(path), bytes=len(content), rows=table.num_rows)


def verify(folder: Path, file: File) -> Path:
    """The path of `file`, after its checksum was found right.

    A flipped bit in a zstd Parquet file is more often read back wrong than noticed, so nothing
    opens a shard before this.

    Raises:
        RunError: the file is missing or damaged.
    """
    path = folder / file.name
    if not path.is_file():
        cause = f"the shard {path} is missing"
    elif sha256(path) != file.sha256:
        cause = f"the shard {path} is damaged: its checksum is not the manifest's"
    else:
        return path
    raise RunError(cause, f"Delete {folder.name} from the store and run the recipe again.")


def read(folder: Path, file: File, columns: Sequence[str] | None = None) -> pa.Table:
    """The verified rows of `file`, restricted to `columns`."""
    return pq.read_table(verify(folder, file), columns=list(columns) if columns else None)


@dataclass(frozen=True, slots=True)
class FolderReader:
    """The `ShardReader` of a stage's committed shards."""

    folder: Path
    shards: Sequence[Shard]

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The shards in order of index."""
        for shard in sorted(self.shards, key=lambda shard: shard.index):
            yield read(self.folder, shard.part, columns)
