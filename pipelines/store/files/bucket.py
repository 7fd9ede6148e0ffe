"""A store in a bucket: any server that speaks S3 and its conditional puts (`If-None-Match: *`).

Objects are whole or not there and a put is durable when it returns, so nothing is written aside.
What never replaces (`create`) is a conditional put: of several writers one gets the name. Address,
region and keys come from the environment as for any AWS client (`AWS_ENDPOINT_URL`,
`AWS_ACCESS_KEY_ID`, …) and stand nowhere else.
"""

import functools
import hashlib
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.store.files.folder import Appender, Buffer, LocalFolder, plain
from stages.engines.model.models import cache_folder
from stages.errors import RunError, first_line

_ATTEMPTS = 4
"""Every call here can be made again: puts of the same content, and `create` reads back."""
_TIMEOUT_S = 60.0
"""Of one call; without it a put to a server that is silent waits forever."""


@functools.cache
def _client(_process: int) -> Any:
    """The client of this process; one that was inherited by a fork does not work."""
    import s3fs

    client = s3fs.S3FileSystem(
        use_listings_cache=False,  # another process may have committed a moment ago
        skip_instance_cache=True,
        max_concurrency=1,
        config_kwargs={
            "connect_timeout": 5,
            "read_timeout": 30,
            "retries": {"total_max_attempts": 1},
            "s3": {"addressing_style": "path"},
        },
    )
    client.retries = 1
    return client


def _call(method: str, url: str, *arguments: Any, **settings: Any) -> Any:
    """What the client's method gives, tried again where the server or the way to it failed.

    Raises:
        FileNotFoundError, FileExistsError: there is no such object, or there is one.
        RunError: no bucket, no right, no answer.
    """
    from botocore.exceptions import BotoCoreError

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            call = getattr(_client(os.getpid()), method)
            return call(url, *arguments, **settings, timeout=_TIMEOUT_S)
        except FileExistsError:
            raise
        except FileNotFoundError as error:
            if _code(error) != "NoSuchBucket":
                raise
            raise _unreachable(url, error) from None
        except (PermissionError, ValueError) as error:
            raise _unreachable(url, error) from None
        except (OSError, BotoCoreError) as error:
            if attempt == _ATTEMPTS or type(error).__name__.endswith("CredentialsError"):
                raise _unreachable(url, error) from None
            time.sleep(0.3 * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _code(error: BaseException) -> str:
    """What the server called it."""
    answer = getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def _unreachable(url: str, error: BaseException) -> RunError:
    cause = f"{url} cannot be used ({type(error).__name__}: {first_line(error)})"
    remedy = "Check the bucket, AWS_ENDPOINT_URL and the keys, then run again."
    return RunError(cause, remedy)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A prefix in a bucket; `url` is `s3://bucket/prefix`."""

    url: str

    def __truediv__(self, name: str) -> "Bucket":
        """See `Folder`."""
        return Bucket(f"{self.url}/{plain(name)}")

    def uri(self, name: str = "") -> str:
        """See `Folder`."""
        return f"{self.url}/{plain(name)}" if name else self.url

    def read(self, name: str) -> bytes:
        """See `Folder`."""
        return bytes(_call("cat_file", self.uri(name)))

    def put(self, name: str, content: Buffer) -> None:
        """See `Folder`."""
        _call("pipe_file", self.uri(name), bytes(content))

    def create(self, name: str, content: Buffer) -> bool:
        """See `Folder`. A put whose answer was lost finds its own content there."""
        try:
            _call("pipe_file", self.uri(name), bytes(content), mode="create")
        except FileExistsError:
            return self.read(name) == content
        return True

    def append_to(self, name: str) -> Appender:
        """See `Folder`: an object per sync, because an object does not grow."""
        return _Parts(self, name)

    def names(self) -> list[str]:
        """See `Folder`."""
        return [entry["name"].rsplit("/", 1)[1] for entry in self._entries("file")]

    def size(self, name: str) -> int | None:
        """See `Folder`."""
        try:
            return int(_call("info", self.uri(name))["size"])
        except FileNotFoundError:
            return None

    def folders(self) -> list[str]:
        """See `Folder`."""
        return sorted(e["name"].rstrip("/").rsplit("/", 1)[1] for e in self._entries("directory"))

    def _entries(self, kind: str) -> list[dict[str, Any]]:
        try:
            found = _call("ls", self.url, detail=True)
        except FileNotFoundError:
            return []
        own = self.url.removeprefix("s3://")
        return [e for e in found if e["type"] == kind and e["name"].rstrip("/") != own]

    def delete(self, name: str) -> None:
        """See `Folder`."""
        with suppress(FileNotFoundError):
            _call("rm_file", self.uri(name))

    def drop(self) -> None:
        """See `Folder`."""
        for name in self.folders():
            (self / name).drop()
        for name in self.names():
            self.delete(name)

    def file(self, name: str, digest: str) -> Path:
        """See `Folder`: a copy in the cache, under the content's hash."""
        cache = LocalFolder(cache_folder() / "objects")
        kept = cache.path / digest
        if not kept.is_file() or hashlib.sha256(kept.read_bytes()).hexdigest() != digest:
            content = self.read(name)
            if hashlib.sha256(content).hexdigest() != digest:
                cause = f"the shard {self.uri(name)} is damaged: its checksum is not the manifest's"
                raise RunError(cause, "`bowerbird repair` computes it again, and nothing else.")
            cache.put(digest, content)
        return kept


class _Parts:
    """What is added between two syncs is an object of its own, numbered."""

    def __init__(self, folder: Bucket, name: str) -> None:
        self._folder, self._name, self._number = folder, name, 0
        self._pending: list[bytes] = []

    def append(self, content: Buffer) -> None:
        """See `Appender`."""
        self._pending.append(bytes(content))

    def sync(self) -> None:
        """See `Appender`."""
        pending, self._pending = self._pending, []
        if pending:
            self._folder.put(f"{self._name}.{self._number:06}", b"".join(pending))
            self._number += 1

    def close(self) -> None:
        """See `Appender`."""
        self.sync()
