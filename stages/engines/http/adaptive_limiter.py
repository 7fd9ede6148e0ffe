"""How many calls are open at once and how fast they go: what an endpoint bears.

Concurrency adapts as TCP's does (AIMD): one more after every round of successes, three tenths
fewer when the endpoint says it is too much. Limits per minute are kept by spacing calls out.
"""

import asyncio
import time

_LESS = 0.7
_BURST_S = 1.0
"""A limit of 600 a minute lets 10 calls go at once, then one every tenth of a second."""


class AdaptiveLimiter:
    """Shared by all calls to one endpoint. Lives on one event loop.

    `most`: calls open at once, at most and to begin with. `requests`, `tokens`: a minute.
    """

    def __init__(self, most: int, requests: int | None = None, tokens: int | None = None) -> None:
        self._most, self._limit = most, float(most)
        self._slots = asyncio.Semaphore(most)
        self._owed = 0  # slots that are given back to nobody
        self._requests, self._tokens = _Rate(requests), _Rate(tokens)
        self._cut_at = self._held_until = 0.0

    @property
    def limit(self) -> int:
        """Calls that may be open now."""
        return int(self._limit)

    async def take(self, tokens: int) -> float:
        """Wait for one call's turn; the time it began. `tokens`: what it may take.

        Its slot is to be given back when it has ended.
        """
        await self._slots.acquire()
        try:
            if (wait := max(self._requests.wait_s(1), self._tokens.wait_s(tokens))) > 0:
                await asyncio.sleep(wait)
            while (wait := self._held_until - time.monotonic()) > 0:
                await asyncio.sleep(wait)
        except BaseException:
            self.give_back()
            raise
        return time.monotonic()

    def give_back(self) -> None:
        """The call has ended."""
        if self._owed:
            self._owed -= 1
        else:
            self._slots.release()

    def succeeded(self, tokens_spared: int) -> None:
        """A call went well, and took fewer tokens than it might have."""
        self._tokens.give_back(tokens_spared)
        before = self.limit
        self._limit = min(self._most, self._limit + 1 / self._limit)
        if self.limit > before:
            self.give_back()

    def congested(self, began: float) -> None:
        """The endpoint says of a call that began at `began` that it is too much."""
        if began < self._cut_at:
            return  # sent before the last cut: the same news
        before = self.limit
        self._cut_at = time.monotonic()
        self._limit = max(1.0, self._limit * _LESS)
        self._owed += before - self.limit

    def hold(self, seconds: float) -> None:
        """Send nothing for so long: the endpoint asked for it."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)


class _Rate:
    """A limit per minute; none where it is None."""

    def __init__(self, per_minute: int | None) -> None:
        self._per_s = per_minute / 60 if per_minute else 0.0
        self._next = 0.0

    def wait_s(self, cost: float) -> float:
        """Seconds until what costs so much may go; it counts as gone."""
        if not self._per_s:
            return 0.0
        now = time.monotonic()
        start = max(self._next, now - _BURST_S)
        self._next = start + cost / self._per_s
        return max(0.0, start - now)

    def give_back(self, cost: float) -> None:
        if self._per_s:
            self._next -= cost / self._per_s
