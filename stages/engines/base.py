"""The engine protocol: requests in, answers out as they finish.

A recipe names an engine by `kind`, the file it stands in. An `EngineSpec` is the configuration;
`open()` loads the model or the client and may take a minute. What decides the replies (kind,
model, revision) is the spec's identity and enters fingerprints; where and how fast it runs
(GPUs, concurrency, URLs) never does.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict

from stages.ask import Capability, Reply, Request
from stages.errors import EngineError, UserError


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the request with this `index`."""

    index: int
    outcome: Reply | EngineError


class Engine(Protocol):
    """A loaded model or a connected client."""

    def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """One answer per request, in the order they finish. Safe to call concurrently."""
        ...

    async def close(self) -> None:
        """Free what `open()` took."""
        ...


class EngineSpec(BaseModel):
    """How to get an engine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provides: ClassVar[frozenset[Capability]]
    """What this kind of engine is able to do."""
    identity_fields: ClassVar[tuple[str, ...]] = ("kind", "model")
    """The fields that decide the replies."""
    later_fields: ClassVar[tuple[str, ...]] = ()
    """Those that decide too and came later: fingerprints hold them where they are set."""
    replaces_any: ClassVar[bool] = False
    """Whether it takes another engine's place by its `kind` alone, whose settings then rest."""

    kind: str
    model: str

    def identity(self) -> dict[str, Any]:
        """The facts that enter a fingerprint."""
        later = (name for name in self.later_fields if getattr(self, name))
        return {name: getattr(self, name) for name in (*self.identity_fields, *later)}

    @property
    def capacity(self) -> int:
        """Requests that one copy can work on at the same time."""
        return 64

    @property
    def gpus(self) -> int:
        """GPUs it takes on a machine that has any."""
        return 0

    def spread(self, gpus: int) -> Self:
        """The same engine with its model split over so many GPUs.

        Raises:
            UserError: an engine of this kind cannot be split.
        """
        if gpus > 1:
            cause = f"an engine of kind '{self.kind}' is not split over GPUs"
            raise UserError(cause, "Leave `tensor_parallel` out of its placement.")
        return self

    def check(self) -> None:
        """Find what would stop `open()`, in a moment and without loading anything.

        Raises:
            UserError: a missing model or package, an unreachable endpoint.
        """

    def open(self) -> Engine:
        """Load the model or connect.

        Raises:
            UserError: something it needs is missing.
            EngineError: it does not start.
        """
        raise NotImplementedError


async def as_finished(
    requests: Sequence[Request], answer: Callable[[Request], Awaitable[Reply]]
) -> AsyncIterator[Answer]:
    """Answer all requests concurrently; each failure stays with its own request."""
    there: deque[Answer | BaseException] = deque()
    came = asyncio.Event()

    async def one(request: Request) -> None:
        began = time.monotonic()
        try:
            reply = await answer(request)
            there.append(Answer(request.index, replace(reply, seconds=time.monotonic() - began)))
        except EngineError as error:
            there.append(Answer(request.index, error))
        except Exception as bug:  # noqa: BLE001  raised again below, where somebody waits
            there.append(bug)
        except asyncio.CancelledError:
            # Not by us, who would not wait any more: a connector that is closed under the call
            # cancels its look-ups.
            there.append(Answer(request.index, EngineError("closed", retryable=True)))
        came.set()

    tasks = [asyncio.ensure_future(one(request)) for request in requests]
    try:
        for _ in tasks:
            while not there:
                came.clear()
                await came.wait()
            outcome = there.popleft()
            if not isinstance(outcome, Answer):
                raise outcome
            yield outcome
    finally:
        # A consumer that stops early (an error, Ctrl-C) must not leave calls running.
        for task in tasks:
            task.cancel()
