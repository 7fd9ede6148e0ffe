"""Who writes to a store: one holder at a time, found out by its heartbeat.

    lease/e00000000000000000003.json   the third holder: who it is; created once, never replaced
    lease/beat.json                    rewritten every second while it holds

Each holder has an epoch, one more than the last. A holder is alive while its beat changes; no
clocks are compared. One that ended without a word (killed, a lost machine) is succeeded: at once
where its process is known to be gone, after `_PATIENCE_S` without a beat elsewhere. Whatever a
holder that was succeeded still does comes to nothing, because the log takes no commit of a lower
epoch (`log.py`).
"""

import functools
import os
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from pipelines.store.files.checksummed_json import BrokenError, seal, unseal
from pipelines.store.files.folder import Folder
from stages.errors import BusyError, RunError

_BEAT_S = 1.0
_PATIENCE_S = 15.0
"""A process that loads a model may hold Python's lock, and its beat, for seconds."""
_LOOK_S = 0.2
_BEAT = "beat.json"
_NAME = re.compile(r"e(\d{20})\.json")


class Holder(msgspec.Struct, frozen=True):
    """Who holds a store, or held it."""

    epoch: int
    run: str
    machine: str
    pid: int
    born: float
    """When the process began, so that another one of the same number is not taken for it."""
    since: str

    def is_gone(self) -> bool:
        """Whether its process is known to have ended: only on the same machine."""
        if self.machine != _machine():
            return False
        try:
            born: float = psutil.Process(self.pid).create_time()
            return abs(born - self.born) > 0.01
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False

    @property
    def text(self) -> str:
        """Who it is, for a message."""
        return (
            f"run {self.run} (process {self.pid} on {self.machine.split()[0]}, since {self.since})"
        )


class _Beat(msgspec.Struct, frozen=True):
    epoch: int
    number: int
    over: bool = False


@dataclass(slots=True)
class Lease:
    """The right to write, while it is held. `close` gives it up."""

    folder: Folder
    holder: Holder
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _number: int = 0

    @property
    def epoch(self) -> int:
        """The number that goes into every commit."""
        return self.holder.epoch

    def begin(self) -> "Lease":
        """Beat until `close`."""
        self._beat()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()
        return self

    def _keep(self) -> None:
        while not self._ended.wait(_BEAT_S):
            try:
                if _newest(self.folder) > self.epoch:
                    return  # succeeded: the next commit says so
                self._beat()
            except RunError:
                # A full disk stops the heartbeat as it stops the run; the run says it.
                continue

    def _beat(self, *, over: bool = False) -> None:
        self._number += 1
        beat = _Beat(self.epoch, self._number, over)
        self.folder.put(_BEAT, seal(msgspec.json.encode(beat)))

    def close(self) -> None:
        """Say that the store is free."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        try:
            if _newest(self.folder) == self.epoch:
                self._beat(over=True)
        except RunError:
            # Where even this cannot be written the next holder finds the process gone.
            return


def acquire(folder: Folder, run: str) -> Lease:
    """Hold the store for `run`.

    Raises:
        BusyError: another run holds it, and is alive; said within two seconds.
        RunError: the folder cannot be written to.
    """
    while True:
        last = _newest(folder)
        holder = _read(folder, last)
        if holder is not None and not _free(folder, holder):
            cause = f"the store {folder.uri().rsplit('/', 1)[0]} is held by {holder.text}"
            raise BusyError(cause, "Wait for it, or name another folder by --store.")
        mine = _me(last + 1, run)
        if folder.create(_file(mine.epoch), seal(msgspec.json.encode(mine))):
            for epoch in _epochs(folder):
                if epoch < last:
                    folder.delete(_file(epoch))
            return Lease(folder, mine).begin()


def _free(folder: Folder, holder: Holder) -> bool:
    """Whether the holder has ended, said so or not; waits until it beats or must be gone."""
    first = _read_beat(folder)
    if holder.is_gone() or (first is not None and first.epoch == holder.epoch and first.over):
        return True
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        time.sleep(_LOOK_S)
        now = _read_beat(folder)
        if now is not None and now.epoch >= holder.epoch and now != first:
            return now.over
        if holder.is_gone():
            return True
    return True


def held_by(folder: Folder) -> Holder | None:
    """The holder of a store, alive or not; None if it gave the store up or nobody ever held it."""
    last = _newest(folder)
    beat = _read_beat(folder)
    if beat is not None and beat.epoch == last and beat.over:
        return None
    return _read(folder, last)


def _me(epoch: int, run: str) -> Holder:
    born = psutil.Process().create_time()
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(epoch, run, _machine(), os.getpid(), born, since)


@functools.cache
def _machine() -> str:
    """Host, boot and process namespace: where a process number means one process."""
    facts = [socket.gethostname()]
    # Where there is no /proc, the name alone has to do.
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
        facts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(facts)


def _file(epoch: int) -> str:
    return f"e{epoch:020}.json"


def _epochs(folder: Folder) -> list[int]:
    return sorted(int(match[1]) for each in folder.names() if (match := _NAME.fullmatch(each)))


def _newest(folder: Folder) -> int:
    return max(_epochs(folder), default=0)


def _read(folder: Folder, epoch: int) -> Holder | None:
    if not epoch:
        return None
    try:
        return msgspec.json.decode(unseal(folder.read(_file(epoch))), type=Holder)
    except FileNotFoundError:
        return None
    except (BrokenError, msgspec.DecodeError):
        # Who it was cannot be read; that somebody was there can. It beats or is succeeded.
        return Holder(epoch, "unknown", "unknown", 0, 0.0, "unknown")


def _read_beat(folder: Folder) -> _Beat | None:
    try:
        return msgspec.json.decode(unseal(folder.read(_BEAT)), type=_Beat)
    except (FileNotFoundError, BrokenError, msgspec.DecodeError):
        return None
