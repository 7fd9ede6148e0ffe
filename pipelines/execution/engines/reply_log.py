"""A client that never asks what was answered before, and writes down what is answered.

An answer outlives this process before anybody acts on it, and a power cut when its shard is done or
a quarter of a second later, whichever is first. Those of a shard that was broken off come back from
its journal; those of a cassette (`--replay`) from there.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pipelines.store.files.folder import Folder
from pipelines.store.log import journal
from pipelines.store.log.journal import Journal
from stages.ask import Reply, Request
from stages.engines.base import Answer
from stages.errors import EngineError, RunError

_SYNC_S = 0.25
"""A sync for each answer took a third of the processor time of a run with 512 calls at once."""


class Client(Protocol):
    """An engine as seen by a shard: in this process or in an actor."""

    def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """One answer per request, as they finish."""
        ...


@dataclass(frozen=True, slots=True)
class Cassettes:
    """Where answers are kept for good, and where they are taken from instead of an engine."""

    record: Folder | None = None
    replay: Folder | None = None

    @property
    def asks(self) -> bool:
        """Whether an engine is asked for what is in no cassette."""
        return self.replay is None or self.record is not None


@dataclass(frozen=True, slots=True)
class Tape:
    """One shard's memory: its own journal, those left behind by earlier attempts, cassettes."""

    folder: Folder
    name: str
    left: tuple[str, ...] = ()
    cassettes: Cassettes = Cassettes()

    def again(self) -> "Tape":
        """For another attempt at the same work: a journal has one writer."""
        return replace(self, name=f"{self.name}.again", left=(*self.left, self.name))


class ReplyLog:
    """What is known of a shard's answers, and where more are written down."""

    def __init__(self, tape: Tape) -> None:
        self.cassettes = tape.cassettes
        self._journal = Journal(tape.folder, tape.name)
        self._known = journal.load(tape.folder, tape.left)
        self._heard: dict[bytes, Reply | EngineError] = {}
        self._pending: list[tuple[bytes, Reply]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._sync: asyncio.Future[None] | None = None

    def keep(self, name: bytes, reply: Reply) -> None:
        """Have an answer written down by the next `write`."""
        self.note(name, reply)
        self._pending.append((name, reply))

    def write(self) -> None:
        """Write down what is to be kept. Raises as `Journal.append` does.

        Answers that come together are written together: a write each took a seventh of the engine
        thread's time where calls take none, most of it spent to get Python's lock back.
        """
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        self._journal.append(pending)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SYNC_S, self._begin_sync)

    def _begin_sync(self) -> None:
        self._timer = None
        if self._sync is None or (self._sync.done() and self._sync.exception() is None):
            self._sync = asyncio.ensure_future(asyncio.to_thread(self._journal.sync))

    async def synchronised(self) -> None:
        """Return when all that was heard would survive a power cut."""
        self.write()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sync is not None:
            await self._sync
        await asyncio.to_thread(self._journal.sync)

    def note(self, name: bytes, outcome: Reply | EngineError) -> None:
        """A cassette gets it when the shard is done."""
        if self.cassettes.record is not None:
            self._heard[name] = outcome

    def recall(self, name: bytes) -> Reply | EngineError | None:
        """What was answered before."""
        found = self._known.get(name)
        if found is None and self.cassettes.replay is not None:
            found = _cassette(self.cassettes.replay).get(name)
            # Where an engine may be asked, it is asked again for what it refused.
            if found is not None and journal.is_refusal(found) and self.cassettes.asks:
                return None
        return journal.outcome(found) if found is not None else None

    def close(self) -> None:
        """Put what was heard into the cassette; the journal stays until the shard is committed."""
        try:
            self.write()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._journal.close()
        if self.cassettes.record is not None and self._heard:
            journal.keep(self.cassettes.record, self._heard)


class CachingClient:
    """A `Client` in front of another one. `engine`: its identity."""

    def __init__(self, client: Client | None, log: ReplyLog, engine: Mapping[str, Any]) -> None:
        self._client, self._log, self._engine = client, log, engine

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Client`.

        Raises:
            RunError: an answer is in no cassette and nobody may be asked.
        """
        asked = {request.index: journal.key(self._engine, request) for request in requests}
        fresh = []
        for request in requests:
            known = self._log.recall(asked[request.index])
            if known is None:
                fresh.append(request)
            else:
                self._log.note(asked[request.index], known)
                yield Answer(request.index, known)
        if not fresh:
            return
        if self._client is None or not self._log.cassettes.asks:
            cause = f"the cassette has no answer to {len(fresh)} of {len(requests)} requests"
            remedy = "Give --record with the same folder to ask the engine for what is missing."
            raise RunError(cause, remedy)
        async for answer in self._client.complete(fresh):
            if isinstance(answer.outcome, Reply):
                self._log.keep(asked[answer.index], answer.outcome)
            elif not answer.outcome.fatal:
                self._log.note(asked[answer.index], answer.outcome)
            yield answer


@functools.lru_cache(maxsize=1)
def _cassette(folder: Folder) -> Mapping[bytes, bytes]:
    """A cassette is read once per process; what the run itself adds it does not ask again."""
    return journal.load(folder, sorted(folder.names()))
