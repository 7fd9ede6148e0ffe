"""What a shard's calls took, row by row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.store.files.shards import SPENT
from pipelines.store.log.manifest import Usage
from stages.ask import Reply


@dataclass(slots=True)
class CallUsage:
    """Grows by a reply at a time; one that came from a journal was paid then and counts once."""

    unreadable: int = 0
    _rows: dict[tuple[str, str, int], list[float]] = field(default_factory=dict)

    def add(self, row_id: str, reply: Reply, engine: int = 0) -> None:
        """One call for the row was answered, by the stage's engine at this position."""
        line = self._rows.setdefault((row_id, reply.model, engine), [0, 0, 0, 0, 0.0])
        took = (1, reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens, reply.seconds)
        line[:] = [before + more for before, more in zip(line, took, strict=True)]

    def usage(self, seconds: float) -> Usage:
        """The sums. `seconds`: the shard's own time, which is less than its calls' together."""
        sums = self._sums(self._rows.values())
        return Usage(*sums[:3], self.unreadable, seconds, sums[3])

    def by_engine(self, engines: int) -> tuple[Usage, ...]:
        """The sums of each of so many engines; empty if there is only one."""
        if engines < 2:
            return ()
        lines = [[line for key, line in self._rows.items() if key[2] == e] for e in range(engines)]
        sums = [self._sums(each) for each in lines]
        return tuple(Usage(*each[:3], cached_tokens=each[3]) for each in sums)

    @staticmethod
    def _sums(lines: Iterable[Sequence[float]]) -> tuple[int, int, int, int]:
        """Calls, prompt tokens, completion tokens, cached tokens."""
        calls, prompt, cached, completion, _ = map(sum, zip([0] * 5, *lines, strict=True))
        return int(calls), int(prompt), int(completion), int(cached)

    def table(self) -> pa.Table:
        """A line per row and model (`shards.SPENT`)."""
        lines = [(*key, *line) for key, line in self._rows.items()]
        columns = zip(*lines, strict=True) if lines else [()] * len(SPENT)
        arrays = [pa.array(values, kind) for values, kind in zip(columns, SPENT.types, strict=True)]
        return pa.table(arrays, SPENT)
