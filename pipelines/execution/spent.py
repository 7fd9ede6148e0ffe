"""What a shard's calls took, row by row."""

from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.store.manifest import Usage
from pipelines.store.shards import SPENT
from stages.ask import Reply


@dataclass(slots=True)
class Spent:
    """Grows by a reply at a time; one that came from a journal was paid then and counts once."""

    unreadable: int = 0
    _rows: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, row_id: str, reply: Reply) -> None:
        """One call for the row was answered."""
        line = self._rows.setdefault((row_id, reply.model), [0, 0, 0, 0, 0.0])
        took = (1, reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens, reply.seconds)
        line[:] = [before + more for before, more in zip(line, took, strict=True)]

    def usage(self, seconds: float) -> Usage:
        """The sums. `seconds`: the shard's own time, which is less than its calls' together."""
        sums = [int(sum(line[i] for line in self._rows.values())) for i in range(4)]
        calls, prompt, cached, completion = sums
        return Usage(calls, prompt, completion, self.unreadable, seconds, cached)

    def table(self) -> pa.Table:
        """A line per row and model (`shards.SPENT`)."""
        lines = [[*key, *line] for key, line in self._rows.items()]
        return pa.Table.from_pylist(
            [dict(zip(SPENT.names, line, strict=True)) for line in lines], SPENT
        )
