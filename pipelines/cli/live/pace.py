"""How far one step is, and how fast: the figures of a run's progress."""

import time
from collections import deque
from dataclasses import dataclass, field

from pipelines.plan.steps import Step
from pipelines.store.log.manifest import Shard

_WINDOW_S = 10.0


@dataclass(slots=True)
class StepPace:
    """Of one step. Rates are those of the last ten seconds, and count no reused rows."""

    step: Step
    began: float | None = None
    took: float | None = None
    rows_in: int = 0
    rows_out: int = 0
    failed: int = 0
    reused: int = 0
    heard: int = 0
    _tokens: int = 0
    _heard_tokens: int = 0
    _seen: deque[tuple[float, int, int]] = field(default_factory=deque)

    @property
    def answered(self) -> int:
        """Rows that have their fate, whether or not their shard is committed."""
        return max(self.rows_in, self.reused + self.heard)

    @property
    def tokens(self) -> int:
        """Written by this run's calls."""
        return max(self._tokens, self._heard_tokens)

    @property
    def seconds(self) -> float:
        """Since its first row, or in all."""
        if self.took is not None:
            return self.took
        return time.monotonic() - self.began if self.began is not None else 0.0

    def hear(self, rows: int, tokens: int) -> None:
        """So many more rows have their fate."""
        self.begin()
        self.heard += rows
        self._heard_tokens += tokens
        self._look()

    def commit(self, shard: Shard, *, reused: bool) -> None:
        """A shard is there."""
        self.begin(shard.usage.seconds * (not reused))
        self.rows_in += shard.counts.input
        self.rows_out += shard.counts.output
        self.failed += shard.counts.failed
        self.reused += shard.counts.input if reused else 0
        self._tokens += 0 if reused else shard.usage.completion_tokens
        self._look()

    def begin(self, ago: float = 0.0) -> None:
        """The first row is at work, since so many seconds."""
        if self.began is None:
            self.began = time.monotonic() - ago
            self._seen.append((self.began, 0, 0))

    def end(self) -> None:
        """No more rows will come."""
        self.took = self.seconds

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._seen[-1][0] > 0.2:
            self._seen.append((now, self.answered - self.reused, self.tokens))
        while len(self._seen) > 2 and now - self._seen[1][0] > _WINDOW_S:
            self._seen.popleft()

    def rates(self) -> tuple[float, float]:
        """Rows and tokens a second, of the last ten seconds or, of a step that is over, in all."""
        if self.took is not None:
            rows, tokens, seconds = self.answered - self.reused, self.tokens, self.took
        elif self._seen:
            start, rows, tokens = self._seen[0]
            seconds = time.monotonic() - start
            rows, tokens = self.answered - self.reused - rows, self.tokens - tokens
        else:
            return 0.0, 0.0
        return (rows / seconds, tokens / seconds) if seconds > 0.05 else (0.0, 0.0)
