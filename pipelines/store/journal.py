"""Answers of engines, kept before anybody acts on them.

A journal is a file of frames, one per answer: length (4 bytes, little-endian), key (16 bytes),
checksum (8 bytes, xxh3 of key and payload), payload (the reply in MessagePack). What a killed
process was appending when it ended is a torn frame at the end; all before it stands.

A shard's journal is deleted when the shard is committed. A cassette (`--record`) is a folder of
such files that are kept, each under the hash of its content.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import xxhash

from pipelines.store.folder import Appender, Folder
from stages.ask import Reply, Request

_HEAD = struct.Struct("<I16s8s")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Reply).decode
_json = msgspec.json.Encoder(order="deterministic").encode


def key(engine: Mapping[str, Any], request: Request) -> bytes:
    """16 bytes for all that decides an answer: every field of the request, and who is asked.

    `engine` is the engine's identity (kind, model, revision), which knows no endpoint.
    """
    facts = [engine, request.seed, type(request.ask.prompt).__name__, request.ask]
    return hashlib.sha256(_json(facts)).digest()[:16]


def frame(name: bytes, reply: Reply) -> bytes:
    """One answer as it stands in a file."""
    payload = _encode(reply)
    return _HEAD.pack(len(payload), name, _sum(name, payload)) + payload


def frames(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and payloads up to the end or to the first frame that is not whole."""
    position = 0
    while position + _HEAD.size <= len(content):
        length, name, checksum = _HEAD.unpack_from(content, position)
        payload = content[position + _HEAD.size : position + _HEAD.size + length]
        if len(payload) < length or _sum(name, payload) != checksum:
            return
        position += _HEAD.size + length
        yield name, payload


def whole(content: bytes) -> int:
    """How many bytes of a journal are whole frames."""
    return sum(_HEAD.size + len(payload) for _, payload in frames(content))


def load(folder: Folder, names: Iterable[str]) -> dict[bytes, bytes]:
    """All answers of these journals; `reply` reads one."""
    found: dict[bytes, bytes] = {}
    for file in files(folder, names):
        # A journal that is gone was of a shard that is committed.
        with suppress(FileNotFoundError):
            found.update(frames(folder.read(file)))
    return found


def files(folder: Folder, names: Iterable[str]) -> list[str]:
    """The files of these journals, in order: `<name>`, and `<name>.…` of what continued it."""
    starts = tuple(f"{name}." for name in names)
    return sorted(file for file in folder.names() if f"{file}.".startswith(starts))


def forget(folder: Folder, names: Iterable[str]) -> None:
    """Delete these journals."""
    for file in files(folder, names):
        folder.delete(file)


def reply(payload: bytes) -> Reply:
    """The answer in a frame."""
    return _decode(payload)


def _sum(name: bytes, payload: bytes) -> bytes:
    return xxhash.xxh3_64_digest(name + payload)


class Journal:
    """The journal of one shard while it is worked on; its file begins with the first answer."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name = folder, name
        self._file: Appender | None = None

    def append(self, answers: Iterable[tuple[bytes, Reply]]) -> None:
        """Keep answers; they are durable, all with one sync, when this returns.

        Raises:
            RunError: the disk is full or the folder cannot be written to.
        """
        content = b"".join(frame(name, answer) for name, answer in answers)
        if self._file is None:
            self._file = self._folder.append_to(self._name)
        self._file.append(content)

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            self._file.close()


def keep(folder: Folder, answers: Mapping[bytes, Reply]) -> None:
    """Put the answers of a shard into a cassette. The same answers are the same file.

    How long each took is left out: that was another day's.
    """
    timeless = {name: replace(answer, seconds=0.0) for name, answer in answers.items()}
    content = b"".join(frame(name, timeless[name]) for name in sorted(timeless))
    folder.put(f"{hashlib.sha256(content).hexdigest()[:32]}.tape", content)
