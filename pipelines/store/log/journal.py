"""Answers of engines, kept before anybody acts on them.

A journal is a file of frames, one per answer: length (4 bytes, little-endian), key (16 bytes),
checksum (8 bytes, xxh3 of key and payload), payload (the reply in MessagePack). What a killed
process was appending when it ended is a torn frame at the end; all before it stands.

Journals are deleted when their stage is complete: until then a shard may be made again, because a
row before it that had failed no longer does, and what was answered is not asked again. A cassette
(`--record`) is a folder of such files that are kept, each under the hash of its content.
"""

import bisect
import hashlib
import re
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

import msgspec
import xxhash

from pipelines.store.files.folder import Appender, Folder
from stages.ask import Reply, Request
from stages.errors import EngineError

Outcome = Reply | EngineError

_NAME = re.compile(r"(\d+)\+(\d+)-")
_HEAD = struct.Struct("<I16s8s")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Reply).decode
_decode_refusal = msgspec.msgpack.Decoder(tuple[str, bool]).decode
_LATER_IN_SAMPLING = {"stop_ids": (), "presence_penalty": 0.0, "repetition_penalty": 1.0,
                      "logit_bias": ()}  # fmt: skip
_LATER_IN_TURNS = {"tool_calls": (), "tool_call_id": ""}
_json = msgspec.json.Encoder().encode


def key(engine: Mapping[str, Any], request: Request) -> bytes:
    """16 bytes for all that decides an answer: every field of the request, and who is asked.

    `engine` is the engine's identity (kind, model, revision), which knows no endpoint.
    """
    ask = msgspec.to_builtins(request.ask, order="deterministic")
    del ask["engine"]  # what a recipe calls it; who it is stands in `engine`
    _leave_out(ask["sampling"], _LATER_IN_SAMPLING)
    for turn in ask["prompt"].get("messages", ()):
        _leave_out(turn, _LATER_IN_TURNS)
    _leave_out(ask["prompt"], {"messages": ()})
    _leave_out(ask, {"tools": ()})
    asked = msgspec.to_builtins(engine, order="deterministic")
    facts = [asked, request.seed, type(request.ask.prompt).__name__, ask]
    return hashlib.sha256(_json(facts)).digest()[:16]


def _leave_out(written: dict[str, Any], later: Mapping[str, Any]) -> None:
    """What came after the first journals stays out where it is not used."""
    for name, default in later.items():
        if written.get(name) == default:
            del written[name]


def frame(name: bytes, outcome: Outcome) -> bytes:
    """One answer as it stands in a file; a refusal, which only a cassette keeps, as a list."""
    if isinstance(outcome, Reply):
        payload = _encode(outcome)
    else:
        payload = _encode([str(outcome), outcome.retryable])
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
    """All answers of these journals, still encoded; `outcome` decodes one."""
    found: dict[bytes, bytes] = {}
    for file in files(folder, names):
        # A journal that is gone was of a shard that is committed.
        with suppress(FileNotFoundError):
            for name, payload in frames(folder.read(file)):
                # What was refused once and answered later is answered.
                if not (is_refusal(payload) and name in found):
                    found[name] = payload
    return found


def is_refusal(payload: bytes) -> bool:
    """Whether a frame holds no reply: in MessagePack a list, where a reply is a map."""
    return payload[:1] == b"\x92"


def name_of(index: int, rows: int) -> str:
    """A new name for the journal of a shard of so many rows."""
    return f"{index:05}+{rows}-{uuid4().hex[:12]}.log"


class JournalIndex:
    """The journals of a stage, by the rows that they can hold answers to.

    A first stage's shards are numbered by their first row, so that a run with other sizes of
    shards finds what was answered; behind it a shard has its number for good. A name of another
    form (Bowerbird 0.1.0) may be of any shard.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._by_start: dict[int, list[tuple[int, str]]] = {}
        self._starts: list[int] = []
        self._any: list[str] = []
        self._longest = 0
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """One more."""
        found = _NAME.match(name)
        if found is None:
            self._any.append(name)
            return
        start, rows = int(found[1]), int(found[2])
        if start not in self._by_start:
            bisect.insort(self._starts, start)
        self._by_start.setdefault(start, []).append((rows, name))
        self._longest = max(self._longest, rows)

    def of(self, index: int, rows: int) -> tuple[str, ...]:
        """Those that can hold answers to a shard's rows."""
        first = bisect.bisect_left(self._starts, index - self._longest)
        last = bisect.bisect_left(self._starts, index + max(rows, 1))
        near = [
            name
            for start in self._starts[first:last]
            for length, name in self._by_start[start]
            if start == index or start + length > index
        ]
        return (*self._any, *near)


def files(folder: Folder, names: Iterable[str]) -> list[str]:
    """The files of these journals, in order: `<name>`, and `<name>.…` of what continued it."""
    starts = tuple(f"{name}." for name in names)
    if not starts:
        return []
    return sorted(file for file in folder.names() if f"{file}.".startswith(starts))


def forget(folder: Folder, names: Iterable[str]) -> None:
    """Delete these journals."""
    for file in files(folder, names):
        folder.delete(file)


def outcome(payload: bytes) -> Outcome:
    """The answer in a frame, or the refusal."""
    if not is_refusal(payload):
        return _decode(payload)
    said, retryable = _decode_refusal(payload)
    return EngineError(said, retryable=retryable)


def _sum(name: bytes, payload: bytes) -> bytes:
    return xxhash.xxh3_64_digest(name + payload)


class Journal:
    """The journal of one shard while it is worked on; its file begins with the first answer."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name = folder, name
        self._file: Appender | None = None
        self._syncing = threading.Lock()

    def append(self, answers: Iterable[tuple[bytes, Reply]]) -> None:
        """Keep answers.

        Raises:
            RunError: the disk is full or the folder cannot be written to.
        """
        content = b"".join(frame(name, answer) for name, answer in answers)
        if self._file is None:
            self._file = self._folder.append_to(self._name)
        self._file.append(content)

    def sync(self) -> None:
        """Return when all answers would survive a power cut. Raises as `append` does."""
        with self._syncing:
            if self._file is not None:
                self._file.sync()

    def close(self) -> None:
        """Write no more; a sync that is under way in another thread ends first."""
        with self._syncing:
            if self._file is not None:
                self._file.close()
                self._file = None


def keep(folder: Folder, answers: Mapping[bytes, Outcome]) -> None:
    """Put the answers of a shard, and what was refused, into a cassette, which then replays both.

    The same answers are the same file.

    How long each took is left out: that was another day's.
    """
    timeless = {
        name: replace(answer, seconds=0.0) if isinstance(answer, Reply) else answer
        for name, answer in answers.items()
    }
    content = b"".join(frame(name, timeless[name]) for name in sorted(timeless))
    folder.put(f"{hashlib.sha256(content).hexdigest()[:32]}.tape", content)
