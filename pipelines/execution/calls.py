"""A prompt stage on one shard: ask for all rows at once, read each reply as it comes."""

import hashlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from pipelines.execution.attempt import attempt
from pipelines.execution.lost import EngineLost
from pipelines.execution.seeds import with_seed
from pipelines.execution.spent import Spent
from pipelines.execution.tape import Client
from stages.ask import Ask, Request
from stages.base import Annotated, Dropped, Failed, Fate, PromptStage
from stages.engines.base import Answer
from stages.errors import EngineError, ReplyError, RunError

_ATTEMPTS = {"retry": 3}
"""How often a row is asked in all where its replies cannot be read; otherwise once."""

Heard = Callable[[int, int], None]
"""Is told of rows that have their fate, and of tokens that were written for them."""


def unheard(rows: int, tokens: int) -> None:
    """A `Heard` for which it is not worth knowing."""


async def run(
    stage: PromptStage,
    fingerprint: str,
    table: pa.Table,
    client: Client,
    heard: Heard = unheard,
) -> tuple[list[Fate], Spent]:
    """One fate per row of `table`, in order, and what the calls took.

    Raises:
        RunError: the engine is dead, or lost a request.
    """
    columns = dict.fromkeys(["id", "parents", *stage.needs])
    rows = with_seed(table, stage.needs, fingerprint).select(list(columns)).to_pylist()
    batch = _Batch(stage, rows, fingerprint, client, heard)
    asks = batch.asks()
    for number in range(_ATTEMPTS.get(stage.on_parse_error, 1)):
        asks = await batch.round(asks, number)
    for i in asks:
        batch.fates[i] = batch.unreadable[i]
    heard(len(asks), 0)
    return [batch.fates[i] for i in range(len(rows))], batch.spent


class _Batch:
    """One shard's calls and what came of them so far."""

    def __init__(
        self,
        stage: PromptStage,
        rows: list[dict[str, Any]],
        fingerprint: str,
        client: Client,
        heard: Heard,
    ) -> None:
        self._stage, self._rows, self._client = stage, rows, client
        self._fingerprint, self._heard = fingerprint, heard
        self.spent = Spent()
        self.fates: dict[int, Fate] = {}
        self.unreadable: dict[int, Fate] = {}

    def asks(self) -> dict[int, Ask]:
        """What is asked for each row; those that need no call have their fate."""
        found: dict[int, Ask] = {}
        for i, row in enumerate(self._rows):
            ask = attempt(self._stage.ask, row)
            if isinstance(ask, Ask):
                found[i] = ask
            else:
                self.fates[i] = ask
        self._heard(len(self.fates), 0)
        return found

    async def round(self, asks: dict[int, Ask], number: int) -> dict[int, Ask]:
        """Ask once; the asks whose replies cannot be read."""
        requests = [Request(i, ask, self._seed(i, number)) for i, ask in asks.items()]
        left, open_ = {}, set(asks)
        if requests:
            async for answer in self._client.complete(requests):
                open_.discard(answer.index)
                fate = self._fate(answer)
                if fate is None:
                    left[answer.index] = asks[answer.index]
                else:
                    self.fates[answer.index] = fate
                self._heard(fate is not None, getattr(answer.outcome, "completion_tokens", 0))
        if open_:
            raise RunError(f"the engine lost {len(open_)} of {len(requests)} requests")
        return left

    def _seed(self, index: int, number: int) -> int:
        """31 bits of (stage fingerprint, which holds the run's seed; row; attempt)."""
        facts = f"{self._fingerprint} {self._rows[index]['id']} {number}"
        return int.from_bytes(hashlib.sha256(facts.encode()).digest()[:4]) >> 1

    def _fate(self, answer: Answer) -> Fate | None:
        """The row's fate; None where the reply cannot be read."""
        if isinstance(answer.outcome, EngineError):
            return self._failed(answer.outcome)
        self.spent.add(self._rows[answer.index]["id"], answer.outcome)
        try:
            return attempt(self._stage.read, self._rows[answer.index], answer.outcome)
        except ReplyError as error:
            self.unreadable[answer.index] = self._verdict(error)
            self.spent.unreadable += 1
            return None

    def _failed(self, error: EngineError) -> Fate:
        if error.fatal:
            raise EngineLost(f"the engine cannot go on: {error}", "Fix it and run again.")
        return Failed("engine.retries_spent" if error.retryable else "engine.refused", str(error))

    def _verdict(self, error: ReplyError) -> Fate:
        match self._stage.on_parse_error:
            case "null":
                # What the stage rewrites stays as it was.
                own = set(self._stage.adds) - set(self._stage.needs)
                return Annotated(dict.fromkeys(own))
            case "drop":
                return Dropped("reply.unreadable", str(error))
            case _:
                return Failed("reply.unreadable", str(error))
