"""Which files were found to be what was committed, so that they are not hashed at each query.

A file is known by its checksum together with all that changes when it does: place, inode, size,
and both of its times, of which nobody sets the second. Bits that rot on the disk change none of
them: `bowerbird verify` reads every byte, and so does every run.
"""

import os
from functools import cache
from pathlib import Path

import xxhash

from pipelines.store.log.manifest import File
from stages.engines.model.models import cache_folder

_BYTES = 16
_LARGEST = 32 << 20
"""Bytes of notes, of 2 million files; then they start over."""


def knows(path: Path, file: File) -> bool:
    """Whether the file was verified as it is.

    Raises:
        OSError: it is not there.
    """
    return _mark(path, file) in _known()


def note(path: Path, file: File) -> None:
    """Record that the file was verified. If there is no room for it, it is verified again later."""
    mark = _mark(path, file)
    _known().add(mark)
    try:
        _notes().parent.mkdir(parents=True, exist_ok=True)
        with _notes().open("ab") as notes:
            notes.write(mark)
    except OSError:
        return


def _mark(path: Path, file: File) -> bytes:
    there = path.stat()
    looks = (there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns)
    facts = (os.path.realpath(path), *looks, file.bytes, file.xxh3 or file.sha256)
    return xxhash.xxh3_128_digest(repr(facts).encode())


@cache
def _known() -> set[bytes]:
    try:
        content = _notes().read_bytes()
    except OSError:
        return set()
    if len(content) > _LARGEST:
        _notes().unlink(missing_ok=True)
        return set()
    return {content[at : at + _BYTES] for at in range(0, len(content) - _BYTES + 1, _BYTES)}


def _notes() -> Path:
    return cache_folder() / "verified"
