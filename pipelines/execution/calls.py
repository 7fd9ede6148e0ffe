"""A prompt stage on one shard: ask for all rows at once, read each reply as it comes."""

import hashlib
import itertools
from typing import Any

import pyarrow as pa

from pipelines.execution.attempt import attempt
from pipelines.execution.lost import EngineLost
from pipelines.execution.spent import Spent
from pipelines.execution.tape import Client
from stages.ask import Ask, Request
from stages.base import Annotated, Dropped, Failed, Fate, PromptStage
from stages.engines.base import Answer
from stages.errors import EngineError, ReplyError, RunError

_ATTEMPTS = {"retry": 3}
"""How often a row is asked in all where its replies cannot be read; otherwise once."""


def run(
    stage: PromptStage, fingerprint: str, table: pa.Table, client: Client
) -> tuple[list[Fate], Spent]:
    """One fate per row of `table`, in order, and what the calls took.

    Raises:
        RunError: the engine is dead, or lost a request.
    """
    rows = table.select(["id", "parents", *stage.needs]).to_pylist()
    fates: dict[int, Fate] = {}
    asks: dict[int, Ask] = {}
    for i, row in enumerate(rows):
        ask = attempt(stage.ask, row)
        if isinstance(ask, Ask):
            asks[i] = ask
        else:
            fates[i] = ask
    batch = _Batch(stage, rows, fingerprint, client)
    for number in range(_ATTEMPTS.get(stage.on_parse_error, 1)):
        asks = batch.round(asks, number, fates)
    for i in asks:
        fates[i] = batch.unreadable[i]
    return [fates[i] for i in range(len(rows))], batch.spent


class _Batch:
    """One shard's calls and their running totals."""

    def __init__(
        self, stage: PromptStage, rows: list[dict[str, Any]], fingerprint: str, client: Client
    ) -> None:
        self._stage, self._rows, self._client = stage, rows, client
        self._fingerprint = fingerprint
        self.spent = Spent()
        self.unreadable: dict[int, Fate] = {}

    def round(self, asks: dict[int, Ask], number: int, fates: dict[int, Fate]) -> dict[int, Ask]:
        """Ask once; put readable rows' fates into `fates` and return the asks that are left."""
        requests = [Request(i, ask, self._seed(i, number)) for i, ask in asks.items()]
        left, open_ = {}, set(asks)
        answered = self._client.complete(requests) if requests else ()
        for answer in itertools.chain.from_iterable(answered):
            open_.discard(answer.index)
            fate = self._fate(answer)
            if fate is None:
                left[answer.index] = asks[answer.index]
            else:
                fates[answer.index] = fate
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
            raise EngineLost(f"the engine cannot go on: {error}", "Mend it and run again.")
        return Failed("engine.retries_spent" if error.retryable else "engine.refused", str(error))

    def _verdict(self, error: ReplyError) -> Fate:
        match self._stage.on_parse_error:
            case "null":
                return Annotated(dict.fromkeys(self._stage.adds))
            case "drop":
                return Dropped("reply.unreadable", str(error))
            case _:
                return Failed("reply.unreadable", str(error))
