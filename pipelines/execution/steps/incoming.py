"""The shards that come to a step: of one step before it, or of several together."""

import itertools
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NamedTuple

from msgspec import structs

from pipelines.execution.shards.inputs import Input
from pipelines.execution.steps.shard_stream import ShardStream, UpstreamError
from pipelines.store.files.folder import Folder
from pipelines.store.log.manifest import Shard

SPAN = 2**32
"""Of a step that makes its own rows: more than any of its shards' indices."""


class Origin(NamedTuple):
    """A step whose rows come: its folder, its shards, and its chain where chains are joined."""

    folder: Folder
    stream: ShardStream
    span: int = SPAN
    """More than any of its shards' indices."""
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """Shards of a later origin are numbered behind those of all before it, whatever comes first."""

    origins: tuple[Origin, ...]

    def __iter__(self) -> Iterator[Shard]:
        """Each shard as soon as it is there, by its number among those of all origins.

        Raises:
            UpstreamError: a step before broke off.
        """
        if len(self.origins) == 1:
            yield from self.origins[0].stream
        else:
            for number, shard in _merged([origin.stream for origin in self.origins]):
                yield self._renumbered(number, shard)

    def whole(self) -> list[Shard] | None:
        """All shards, if they come at once; None if they come one by one."""
        found: list[Shard] = []
        for number, origin in enumerate(self.origins):
            shards = origin.stream.whole()
            if shards is None:
                return None
            found += [self._renumbered(number, shard) for shard in shards]
        return found

    @property
    def span(self) -> int:
        """More than any of the shards' numbers."""
        return sum(origin.span for origin in self.origins)

    @property
    def capped(self) -> bool:
        """At the end: whether a budget kept some back."""
        return any(origin.stream.capped for origin in self.origins)

    def skipped(self) -> bool:
        """Whether all were rounds that were not needed. Waits until that is known.

        Raises:
            UpstreamError: a step before broke off.
        """
        for origin in self.origins:
            origin.stream.whole()  # waits for the first shard, or the end
        return all(origin.stream.skipped for origin in self.origins)

    def input(self, shard: Shard, digest: str) -> Input:
        """The rows of one of the shards, for work that is named by `digest`."""
        origin = self.origins[bisect_right(self._starts, shard.index) - 1]
        return Input(
            shard.index, digest, shard.part.rows, origin.folder, shard.part, chain=origin.chain
        )

    @property
    def _starts(self) -> list[int]:
        """The number that the first shard of each origin has at least."""
        spans = [origin.span for origin in self.origins]
        return list(itertools.accumulate(spans[:-1], initial=0))

    def _renumbered(self, number: int, shard: Shard) -> Shard:
        start = self._starts[number]
        return structs.replace(shard, index=start + shard.index) if start else shard


def _merged(streams: Sequence[ShardStream]) -> Iterator[tuple[int, Shard]]:
    """The shards of all streams as they come, each with its stream's number."""
    found: SimpleQueue[tuple[int, Shard] | UpstreamError | None] = SimpleQueue()

    def forward(number: int, stream: ShardStream) -> None:
        try:
            for shard in stream:
                found.put((number, shard))
            found.put(None)
        except UpstreamError as error:
            found.put(error)

    for pair in enumerate(streams):
        threading.Thread(target=forward, args=pair, daemon=True).start()
    ended = 0
    while ended < len(streams):
        item = found.get()
        if isinstance(item, UpstreamError):
            raise item
        if item is None:
            ended += 1
        else:
            yield item
