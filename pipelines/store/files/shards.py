"""Shards: Parquet files that are written once, checksummed, and verified before they are read.

A shard's file bears its content's checksum in its name: two writers of the same shard, one of which
was taken over, write the same file or two files, and never one over the other.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pipelines.store.files import verified_once
from pipelines.store.files.folder import Folder
from pipelines.store.log.manifest import File, Shard
from stages.errors import RunError

_beside = ThreadPoolExecutor(2, thread_name_prefix="sha256")

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

SPENT = pa.schema(
    [("id", pa.string()), ("model", pa.string()), ("engine", pa.int8())]
    + [(n, pa.int64()) for n in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens")]
    + [("seconds", pa.float64())]
)
"""What the calls for each row took. `model` as the engine says it; `engine`: its position among
those of the stage, null in stores of before version 0.2; `seconds` from request to reply, the wait
for a turn included; `cached_tokens` are among `prompt_tokens`."""


def write(folder: Folder, stem: str, table: pa.Table) -> File:
    """Write `table` as `<stem>-<checksum>.parquet`. The same rows give the same bytes.

    Raises:
        RunError: the disk is full or the folder cannot be written to.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", store_schema=True, write_page_checksum=True)
    content = memoryview(sink.getvalue())
    xxh3 = xxhash.xxh3_128_hexdigest(content)
    name = f"{stem}-{xxh3[:16]}.parquet"
    # Computed while the disk writes: both take about as long.
    sha256 = _beside.submit(lambda: hashlib.sha256(content).hexdigest())
    folder.put(name, content)
    return File(name, sha256.result(), len(content), table.num_rows, xxh3)


def verified(folder: Folder, file: File) -> bytes:
    """The content of `file`, after its checksum was found right.

    A flipped bit in a zstd Parquet file is more often read back wrong than noticed, so nothing
    parses a shard before this.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        content = folder.read(file.name)
    except FileNotFoundError:
        raise _refused(folder, file, "is missing") from None
    if not intact(content, file):
        raise _refused(folder, file, "is damaged: its checksum is not the manifest's")
    return content


def path(folder: Folder, file: File) -> Path:
    """A path on this machine with the verified content of `file`, for readers that want one.

    What was verified once is not hashed again while the file looks the same (`verified_once.py`).
    """
    place = folder.file(file.name, file.sha256)
    try:
        if not verified_once.knows(place, file):
            content = place.read_bytes()
            if not intact(content, file):
                what = "is damaged: its checksum is not the manifest's"
                raise _refused(folder, file, what)
            verified_once.note(place, file)
    except FileNotFoundError:
        raise _refused(folder, file, "is missing") from None
    except OSError as error:
        raise _refused(folder, file, f"cannot be read ({error.strerror})") from None
    return place


def intact(content: bytes, file: File) -> bool:
    """Whether `content` is what was committed."""
    if not file.xxh3:  # of the first format
        return hashlib.sha256(content).hexdigest() == file.sha256
    return len(content) == file.bytes and xxhash.xxh3_128_hexdigest(content) == file.xxh3


def _refused(folder: Folder, file: File, what: str) -> RunError:
    cause = f"the shard {folder.uri(file.name)} {what}"
    return RunError(cause, "`bowerbird repair` computes it again, and nothing else.")


def read(folder: Folder, file: File, columns: Sequence[str] | None = None) -> pa.Table:
    """The verified rows of `file`, restricted to `columns`.

    Raises:
        RunError: the file is missing or damaged, or its rows lack one of the columns.
    """
    # In this thread: `pq.read_table` leaves the buffer with a thread of Arrow's for a moment, and
    # a process that ends just then aborts (10 of 360 did, with both cores busy).
    source = pq.ParquetFile(pa.BufferReader(verified(folder, file)), pre_buffer=False)
    table = source.read(list(columns) if columns else None, use_threads=False)
    if not columns:
        return table
    if lacking := [name for name in columns if name not in table.column_names]:
        cause = f"the shard {folder.uri(file.name)} has no column '{lacking[0]}'"
        remedy = "If its stage's columns have changed since, raise the stage's `version`."
        raise RunError(cause, remedy)
    return table.select(columns)


@dataclass(frozen=True, slots=True)
class FolderReader:
    """The `ShardReader` of a stage's committed shards."""

    folder: Folder
    shards: Sequence[Shard]

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The shards in order of index."""
        for shard in sorted(self.shards, key=lambda shard: shard.index):
            yield read(self.folder, shard.part, columns)
