"""Where a store keeps its files: a folder on a disk here, a bucket in `bucket.py`.

Both know whole files only. `put` and `create` write a file completely or not at all, and
return when it would survive a power cut. `create` never replaces: of several writers that want
the same name one gets it. All that is decided once (a version of a manifest, the holder of a
lease) relies on this.
"""

import errno
import os
import uuid
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stages.errors import RunError

Buffer = bytes | memoryview

_SEPARATORS = frozenset("/\\\0")
_MODE = 0o644  # without the bit that would let another user's program write into the store


class Appender(Protocol):
    """A file that grows."""

    def append(self, content: Buffer) -> None:
        """Add `content`. On a disk it outlives this process from now on."""

    def sync(self) -> None:
        """Return when all that was added would survive a power cut."""

    def close(self) -> None:
        """Write no more."""


class Folder(Hashable, Protocol):
    """A place for whole files and for other folders."""

    def __truediv__(self, name: str) -> "Folder":
        """The folder `name` in this one."""

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is none.
            RunError: it cannot be read.
        """

    def put(self, name: str, content: Buffer) -> None:
        """Write the file, or replace it.

        Raises:
            RunError: the disk is full, or the folder cannot be written to.
        """

    def create(self, name: str, content: Buffer) -> bool:
        """Write the file unless it exists; whether this call wrote it.

        Raises:
            RunError: the disk is full, or the folder cannot be written to.
        """

    def append_to(self, name: str) -> Appender:
        """A new file to append to; `name` is its own."""

    def names(self) -> list[str]:
        """The files in it."""

    def size(self, name: str) -> int | None:
        """A file's size in bytes; None where there is none."""

    def folders(self) -> list[str]:
        """The names of the folders in it."""

    def delete(self, name: str) -> None:
        """Remove a file, if it is there."""

    def drop(self) -> None:
        """Remove this folder with all that is in it."""

    def file(self, name: str, digest: str) -> Path:
        """A path on this machine with the content of a file that has this checksum."""

    def uri(self, name: str = "") -> str:
        """What people call it: a path or an address."""


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder on a disk. Made when something is written to it."""

    path: Path

    def __truediv__(self, name: str) -> "LocalFolder":
        """See `Folder`."""
        return LocalFolder(self._at(name))

    def _at(self, name: str) -> Path:
        return self.path / plain(name)

    def __str__(self) -> str:
        """Its path."""
        return str(self.path)

    def uri(self, name: str = "") -> str:
        """See `Folder`."""
        return str(self._at(name) if name else self.path)

    def read(self, name: str) -> bytes:
        """See `Folder`."""
        try:
            return self._at(name).read_bytes()
        except NotADirectoryError as error:
            raise FileNotFoundError(error.errno, error.strerror, str(self._at(name))) from None
        except FileNotFoundError:
            raise
        except OSError as error:
            cause = f"cannot read {self._at(name)} ({error.strerror})"
            raise RunError(cause, "Fix the disk or its rights, then run again.") from None

    def put(self, name: str, content: Buffer) -> None:
        """See `Folder`: write aside, fsync, rename, fsync the folder."""
        with self._aside(name, content) as aside:
            os.rename(aside, self._at(name))

    def create(self, name: str, content: Buffer) -> bool:
        """See `Folder`: write aside, fsync, link, fsync the folder."""
        with self._aside(name, content) as aside:
            try:
                os.link(aside, self._at(name))
            except FileExistsError:
                return False
            finally:
                os.unlink(aside)
        return True

    @contextmanager
    def _aside(self, name: str, content: Buffer) -> Iterator[str]:
        aside = f"{self._at(name)}.{uuid.uuid4().hex[:12]}.tmp"
        with writing(self._at(name)):
            try:
                handle = self._open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                try:
                    write_all(handle, content)
                    os.fsync(handle)
                finally:
                    os.close(handle)
                yield aside
                _sync(self.path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(aside)
                raise

    def _open(self, path: str, flags: int) -> int:
        try:
            return os.open(path, flags, _MODE)
        except FileNotFoundError:
            _make(self.path)
            return os.open(path, flags, _MODE)

    def append_to(self, name: str) -> Appender:
        """See `Folder`."""
        with writing(self._at(name)):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            handle = self._open(str(self._at(name)), flags)
        return _LocalAppender(handle, self._at(name))

    def names(self) -> list[str]:
        """See `Folder`. What a process was writing when it ended (`*.tmp`) is among them."""
        return [e.name for e in self._entries() if not e.is_dir(follow_symlinks=False)]

    def size(self, name: str) -> int | None:
        """See `Folder`."""
        try:
            return os.stat(self._at(name)).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def folders(self) -> list[str]:
        """See `Folder`."""
        return sorted(e.name for e in self._entries() if e.is_dir(follow_symlinks=False))

    def _entries(self) -> "list[os.DirEntry[str]]":
        try:
            with os.scandir(self.path) as found:
                return list(found)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            cause = f"cannot read {self.path} ({error.strerror})"
            raise RunError(cause, "Fix the disk or its rights, then run again.") from None

    def delete(self, name: str) -> None:
        """See `Folder`."""
        with writing(self._at(name)), suppress(FileNotFoundError):
            os.unlink(self._at(name))

    def drop(self) -> None:
        """See `Folder`."""
        for name in self.folders():
            (self / name).drop()
        for name in self.names():
            self.delete(name)
        with writing(self.path), suppress(FileNotFoundError):
            os.rmdir(self.path)

    def file(self, name: str, digest: str) -> Path:
        """See `Folder`."""
        return self._at(name)


class _LocalAppender:
    """Appends to a file."""

    def __init__(self, handle: int, path: Path) -> None:
        self._handle, self._path, self._is_named = handle, path, False

    def append(self, content: Buffer) -> None:
        """See `Appender`."""
        with writing(self._path):
            write_all(self._handle, content)

    def sync(self) -> None:
        """See `Appender`."""
        with writing(self._path):
            os.fdatasync(self._handle)
            if not self._is_named:
                _sync(self._path.parent)
                self._is_named = True

    def close(self) -> None:
        """See `Appender`."""
        os.close(self._handle)


@contextmanager
def writing(path: object) -> Iterator[None]:
    """Turn what the system refuses into one cause and one remedy."""
    try:
        yield
    except OSError as error:
        cause = f"cannot write {path} ({error.strerror})"
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "Make room" if full else "Fix the disk or its rights"
        raise RunError(cause, f"{what}, then run again: what is committed is kept.") from None


def plain(name: str) -> str:
    """The name, if it is one: nothing that a record says leads out of the store.

    Raises:
        RunError: it is a path, or nothing.
    """
    if not name or name in (".", "..") or not _SEPARATORS.isdisjoint(name):
        remedy = "`bowerbird verify` says which record has it."
        raise RunError(f"{name[:80]!r} is no name of a file in a store", remedy)
    return name


def write_all(handle: int, content: Buffer) -> None:
    """Write all of `content`; the system may take it in parts."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _make(folder: Path) -> None:
    """Make a folder whose name, and its parents', survive a power cut."""
    if not folder.parent.is_dir():
        _make(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
