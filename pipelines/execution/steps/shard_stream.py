"""The shards of one step on their way to the next, in the order they are committed."""

import itertools
import threading
from collections.abc import Iterator, Sequence

from pipelines.store.log.manifest import Shard


class UpstreamError(Exception):
    """Another step broke off; its own error is the one to show."""


class ShardStream:
    """Shards put by one thread and read by others while they come."""

    def __init__(self) -> None:
        self._shards: list[Shard] = []
        self._changed = threading.Condition()
        self._ended = False
        self._broken = False
        self.capped = False
        """At the end: whether a budget kept some back."""
        self.skipped = False
        """At the end: whether it is of a round that was not needed."""
        self._whole = False

    def put_all(self, shards: Sequence[Shard]) -> None:
        """All shards of a step at once, because it was complete; then no more."""
        with self._changed:
            self._shards, self._whole = list(shards), True
            self._changed.notify_all()

    def whole(self) -> Sequence[Shard] | None:
        """All shards, if they come at once; None if they come one by one. Waits for the first.

        Raises:
            UpstreamError: the step before broke off.
        """
        with self._changed:
            while not (self._shards or self._ended):
                self._changed.wait()
            if self._broken:
                raise UpstreamError
            return self._shards if self._whole else None

    def put(self, shard: Shard) -> None:
        """A shard has been committed."""
        with self._changed:
            self._shards.append(shard)
            self._changed.notify_all()

    def end(self, *, broken: bool = False, capped: bool = False, skipped: bool = False) -> None:
        """No more shards will come.

        `broken`: the step failed before its end; `capped`: the budget held some back; `skipped`: it
        is of a round that was not needed.
        """
        with self._changed:
            self.capped, self.skipped = capped, skipped
            self._whole = self._whole or skipped
            self._ended, self._broken = True, self._broken or broken
            self._changed.notify_all()

    def rows(self) -> int:
        """How many rows came in all. Waits for the end.

        Raises:
            UpstreamError: the step broke off.
        """
        return sum(shard.counts.output for shard in self)

    def __iter__(self) -> Iterator[Shard]:
        """Each shard as soon as it is there.

        Raises:
            UpstreamError: the step before broke off.
        """
        for position in itertools.count():
            with self._changed:
                while not self._ended and len(self._shards) <= position:
                    self._changed.wait()
                if self._broken:
                    raise UpstreamError
                if position == len(self._shards):
                    return
                shard = self._shards[position]
            yield shard
