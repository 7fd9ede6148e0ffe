"""Which shard a row is in: four bytes of the hash of each of its rows' ids, in a file beside it.

Ids are hashes, so the smallest and largest id of a shard say nothing. The bytes lie sorted, as
little-endian numbers; a chance hit costs opening one shard in vain, once in 4 billion rows.
"""

import hashlib

import numpy as np
import pyarrow as pa
import xxhash

from pipelines.store.files import shards
from pipelines.store.files.folder import Folder
from pipelines.store.log.manifest import File, Shard


def write(folder: Folder, index: int, *tables: pa.Table) -> File:
    """Write the marks of all rows of `tables`."""
    found = [_mark(row_id) for table in tables for row_id in table["id"].to_pylist()]
    content = np.sort(np.array(found, dtype="<u4")).tobytes()
    xxh3 = xxhash.xxh3_128_hexdigest(content)
    name = f"marks-{index:05}-{xxh3[:16]}.bin"
    folder.put(name, content)
    return File(name, hashlib.sha256(content).hexdigest(), len(content), len(found), xxh3)


def may_hold(folder: Folder, shard: Shard, row_id: str) -> bool:
    """Whether the row can be in the shard: always where it is.

    Raises:
        RunError: the marks are missing or damaged.
    """
    mark = _mark(row_id)
    if shard.marks.name:
        there = np.frombuffer(shards.verified(folder, shard.marks), dtype="<u4")
        place = int(np.searchsorted(there, mark))
        return place < len(there) and int(there[place]) == mark
    if not shard.ids:
        return True  # of the first format
    text = f"{mark:08x}"
    return any(shard.ids[at : at + 8] == text for at in range(0, len(shard.ids), 8))


def _mark(row_id: str) -> int:
    return xxhash.xxh3_64_intdigest(row_id.encode()) >> 32
