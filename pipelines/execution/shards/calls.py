"""A stage that asks models, on one shard: ask for all rows at once, go on as replies come."""

import asyncio
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.execution.engines.answer_stream import Ended, forward
from pipelines.execution.engines.reply_log import Client
from pipelines.execution.shards.call_usage import CallUsage
from pipelines.execution.shards.catch_bugs import catch_bugs
from pipelines.execution.shards.row_seeds import with_seed
from pipelines.execution.shards.worker_died import EngineLost
from stages.ask import Ask, Reply, Request, attempts, texts
from stages.base import Derived, Dropped, Failed, Fate, Kept, MultiCallStage
from stages.engines.base import Answer
from stages.errors import EngineError, ReplyError, RunError

Heard = Callable[[int, int], None]
"""Is told of rows that have their fate, and of tokens that were written for them."""


def unheard(rows: int, tokens: int) -> None:
    """A `Heard` for which it is not worth knowing."""


async def run(
    stage: MultiCallStage,
    fingerprint: str,
    table: pa.Table,
    clients: Mapping[str, Client],
    heard: Heard = unheard,
    write: Callable[[], None] = lambda: None,
) -> tuple[list[Fate], CallUsage]:
    """One fate per row of `table`, in order, and what the calls took.

    `clients`: by the names of the stage's engines. `write` is called before anything is done about
    the answers that have come.

    Raises:
        RunError: an engine is dead, or lost a request.
    """
    columns = dict.fromkeys(["id", "parents", *stage.needs])
    rows = with_seed(table, stage.needs, fingerprint).select(list(columns)).to_pylist()
    batch = _Batch(stage, rows, fingerprint, clients, heard, write)
    try:
        await batch.run()
    finally:
        await batch.close()
    return [batch.fates[i] for i in range(len(rows))], batch.spent


@dataclass(slots=True)
class _Calls:
    """A row's calls so far."""

    asks: list[Ask] = field(default_factory=list)
    replies: list[Reply | None] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    open: int = 0


class _Call(NamedTuple):
    """A call of a row, by their positions."""

    row: int
    number: int


class _Batch:
    """One shard's calls and what came of them so far."""

    def __init__(
        self,
        stage: MultiCallStage,
        rows: list[dict[str, Any]],
        fingerprint: str,
        clients: Mapping[str, Client],
        heard: Heard,
        write: Callable[[], None],
    ) -> None:
        self._stage, self._rows, self._clients = stage, rows, clients
        self._fingerprint, self._heard, self._write = fingerprint, heard, write
        self.spent = CallUsage()
        self.fates: dict[int, Fate] = {}
        self._calls = [_Calls() for _ in rows]
        self._under_way: dict[int, _Call] = {}
        self._indices = itertools.count()
        self._streams: set[asyncio.Task[None]] = set()
        self._open = 0
        self._there: asyncio.Queue[tuple[str, Answer | Ended]] = asyncio.Queue()

    async def run(self) -> None:
        """Ask until each row has its fate."""
        self._send(call for i in range(len(self._rows)) for call in self._go_on(i))
        while self._open:
            came = [await self._there.get()]
            while not self._there.empty():
                came.append(self._there.get_nowait())
            self._write()
            # What follows from replies that came together is asked together.
            self._send([call for engine, each in came for call in self._take(engine, each)])
        if self._under_way:
            raise RunError(f"the engine lost {len(self._under_way)} requests")

    async def close(self) -> None:
        """Ask no more."""
        for stream in self._streams:
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    def _send(self, calls: Iterable[_Call]) -> None:
        requests: dict[str, list[Request]] = defaultdict(list)
        for call in calls:
            ask = self._calls[call.row].asks[call.number]
            index = next(self._indices)
            self._under_way[index] = call
            requests[self._engine(ask)].append(Request(index, ask, self._seed(call)))
        for engine, wanted in requests.items():
            answers = self._clients[engine].complete(wanted)
            stream = asyncio.create_task(forward(answers, partial(self._put, engine)))
            self._streams.add(stream)
            stream.add_done_callback(self._streams.discard)
            self._open += 1

    def _put(self, engine: str, came: Answer | Ended) -> None:
        self._there.put_nowait((engine, came))

    def _engine(self, ask: Ask) -> str:
        return ask.engine or self._stage.engines[0]

    def _seed(self, call: _Call) -> int:
        """31 bits of (stage fingerprint, which holds the run's seed; row; attempt; call)."""
        attempts = self._calls[call.row].attempts[call.number]
        facts = f"{self._fingerprint} {self._rows[call.row]['id']} {attempts}"
        if call.number:
            facts += f" {call.number}"
        return int.from_bytes(hashlib.sha256(facts.encode()).digest()[:4]) >> 1

    def _take(self, engine: str, came: Answer | Ended) -> list[_Call]:
        """What is to be asked after this answer."""
        if isinstance(came, Ended):
            self._end(engine, came.error)
            return []
        call = self._under_way.pop(came.index)
        if isinstance(came.outcome, EngineError):
            self._settle(call.row, self._failed(engine, came.outcome))
            return []
        self.spent.add(self._rows[call.row]["id"], came.outcome, self._stage.engines.index(engine))
        self._heard(0, came.outcome.completion_tokens)
        calls = self._calls[call.row]
        calls.replies[call.number] = came.outcome
        calls.open -= 1
        return self._go_on(call.row) if not calls.open and call.row not in self.fates else []

    def _end(self, engine: str, error: BaseException | None) -> None:
        """A stream has ended."""
        self._open -= 1
        if isinstance(error, EngineLost):
            error.engine = engine
        if error is not None:
            raise error

    def _go_on(self, row: int) -> list[_Call]:
        """What the stage asks next for a row of which all replies are there."""
        calls = self._calls[row]
        try:
            asks = catch_bugs(self._next, row)
        except ReplyError as error:
            return self._again(row, error)
        if isinstance(asks, (Kept, Derived, Dropped, Failed)):
            self._settle(row, asks)
            return []
        first = len(calls.asks)
        calls.asks += asks
        calls.replies += [None] * len(asks)
        calls.attempts += [0] * len(asks)
        calls.open = len(asks)
        return [_Call(row, number) for number in range(first, len(calls.asks))]

    def _next(self, row: int) -> Fate | list[Ask]:
        """What the stage wants.

        Raises:
            ReplyError: see `MultiCallStage.next`.
            ValueError: it wants what it may not.
        """
        calls = self._calls[row]
        wanted = self._stage.next(self._rows[row], tuple(r for r in calls.replies if r is not None))
        if isinstance(wanted, (Kept, Derived, Dropped, Failed)):
            return wanted
        asks = [wanted] if isinstance(wanted, Ask) else list(wanted)
        # A null would break the engine, not the row.
        if not all(isinstance(text, str) for ask in asks for text in texts(ask.prompt)):
            raise TypeError("it asks something that is no text")
        strange = {self._engine(ask) for ask in asks} - set(self._stage.engines)
        if strange:
            raise ValueError(f"it asks {', '.join(sorted(strange))}, which is no engine of its own")
        if not asks:
            raise ValueError("it asks nothing and gives no fate")
        if len(calls.asks) + len(asks) > self._stage.most_calls:
            raise ValueError(f"it makes more calls than `most_calls`, {self._stage.most_calls}")
        return asks

    def _again(self, row: int, error: ReplyError) -> list[_Call]:
        """Ask once more for the reply that cannot be read, or settle the row."""
        self.spent.unreadable += 1
        calls = self._calls[row]
        number = error.call % len(calls.asks) if calls.asks else 0
        if not calls.asks or calls.attempts[number] + 1 >= attempts(self._stage.on_parse_error):
            self._settle(row, self._verdict(error))
            return []
        calls.attempts[number] += 1
        calls.open = 1
        return [_Call(row, number)]

    def _settle(self, row: int, fate: Fate) -> None:
        if row not in self.fates:
            self.fates[row] = fate
            self._heard(1, 0)

    def _failed(self, engine: str, error: EngineError) -> Fate:
        if error.fatal:
            lost = EngineLost(f"the engine cannot go on: {error}", "Fix it and run again.")
            lost.engine = engine
            raise lost
        return Failed("engine.retries_spent" if error.retryable else "engine.refused", str(error))

    def _verdict(self, error: ReplyError) -> Fate:
        match self._stage.on_parse_error:
            case "null":
                # What the stage rewrites stays as it was.
                own = set(self._stage.adds) - set(self._stage.needs)
                return Kept(dict.fromkeys(own))
            case "drop":
                return Dropped("reply.unreadable", str(error))
            case _:
                return Failed("reply.unreadable", str(error))
