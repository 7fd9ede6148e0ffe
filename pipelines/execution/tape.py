"""A client that never asks what was answered before, and writes down what is answered.

An answer is durable before anybody acts on it. Those of a shard that was broken off come back
from its journal; those of a cassette (`--replay`) from there.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pipelines.store import journal
from pipelines.store.folder import Folder
from pipelines.store.journal import Journal
from stages.ask import Reply, Request
from stages.engines.base import Answer
from stages.errors import RunError


class Client(Protocol):
    """An engine as seen by a shard: in this process or in an actor."""

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Answer]]:
        """One answer per request, as they finish; those that are there together in one list."""
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


class Remembering:
    """A `Client` in front of another one."""

    def __init__(self, client: Client | None, tape: Tape, engine: Mapping[str, Any]) -> None:
        self._client, self._tape, self._engine = client, tape, engine
        self._journal = Journal(tape.folder, tape.name)
        self._known = journal.load(tape.folder, tape.left)
        self._heard: dict[bytes, Reply] = {}

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Answer]]:
        """See `Client`.

        Raises:
            RunError: an answer is in no cassette and nobody may be asked.
        """
        asked = {request.index: journal.key(self._engine, request) for request in requests}
        remembered = {index: self._recall(name) for index, name in asked.items()}
        old = [Answer(index, answer) for index, answer in remembered.items() if answer is not None]
        self._note(asked, old)
        yield old
        fresh = [request for request in requests if remembered[request.index] is None]
        if not fresh:
            return
        if self._client is None or not self._tape.cassettes.asks:
            cause = f"the cassette has no answer to {len(fresh)} of {len(requests)} requests"
            remedy = "Give --record with the same folder to ask the engine for what is missing."
            raise RunError(cause, remedy)
        for answers in self._client.complete(fresh):
            if heard := self._note(asked, answers):
                self._journal.append(heard)
            yield answers

    def _note(
        self, asked: Mapping[int, bytes], answers: Sequence[Answer]
    ) -> list[tuple[bytes, Reply]]:
        """The replies among the answers; a cassette gets them when the shard is done."""
        heard = [(asked[a.index], a.outcome) for a in answers if isinstance(a.outcome, Reply)]
        if self._tape.cassettes.record is not None:
            self._heard.update(heard)
        return heard

    def _recall(self, name: bytes) -> Reply | None:
        found = self._known.get(name)
        if found is None and self._tape.cassettes.replay is not None:
            found = _cassette(self._tape.cassettes.replay).get(name)
        return journal.reply(found) if found is not None else None

    def close(self) -> None:
        """Put what was heard into the cassette; the journal stays until the shard is committed."""
        self._journal.close()
        if self._tape.cassettes.record is not None and self._heard:
            journal.keep(self._tape.cassettes.record, self._heard)


@functools.lru_cache(maxsize=1)
def _cassette(folder: Folder) -> Mapping[bytes, bytes]:
    """A cassette is read once per process; what the run itself adds it does not ask again."""
    return journal.load(folder, sorted(folder.names()))
