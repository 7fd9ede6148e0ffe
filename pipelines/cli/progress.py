"""How a run goes: a live table on a terminal, a line per finished stage elsewhere."""

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.table import Table

from pipelines.cli.output import console
from pipelines.plan import Step
from pipelines.run import Job
from pipelines.store.manifest import Manifest, Shard
from stages.base import PromptStage


@dataclass(slots=True)
class _Line:
    """What is known of one step. Rates count what this run computed, not what it reused."""

    step: Step
    began: float | None = None
    took: float | None = None
    rows_in: int = 0
    rows_out: int = 0
    failed: int = 0
    reused: int = 0
    tokens: int = 0

    @property
    def seconds(self) -> float:
        if self.took is not None:
            return self.took
        return time.monotonic() - self.began if self.began is not None else 0.0

    def rate(self, amount: int) -> float:
        return amount / self.seconds if self.seconds > 0.05 else 0.0


@dataclass(slots=True)
class Progress:
    """A `Watch` that prints to standard error."""

    job: Job
    _lines: dict[str, _Line] = field(default_factory=dict)
    _seeds: int = 0
    _live: Live | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._lines = {step.name: _Line(step) for step in self.job.steps}
        self._seeds = self.job.steps[0].stage.count_seeds()
        console.print(f"run {self.job.run.id} in {self.job.store.root.uri()}", highlight=False)
        if console.is_terminal:
            # Redrawn by the clock, so that the time goes on between two shards.
            self._live = Live(
                console=console, refresh_per_second=2, get_renderable=self._table, transient=False
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def began(self, step: Step) -> None:
        """See `Watch`. The clock of a later step starts with its first shard."""
        if step == self.job.steps[0]:
            self._lines[step.name].began = time.monotonic()

    def committed(self, step: Step, shard: Shard, *, reused: bool) -> None:
        """See `Watch`."""
        with self._lock:
            line = self._lines[step.name]
            line.began = line.began or time.monotonic() - shard.usage.seconds * (not reused)
            line.rows_in += shard.counts.input
            line.rows_out += shard.counts.output
            line.failed += shard.counts.failed
            line.reused += shard.counts.input if reused else 0
            line.tokens += 0 if reused else shard.usage.completion_tokens

    def ended(self, step: Step, done: Manifest) -> None:
        """See `Watch`."""
        with self._lock:
            line = self._lines[step.name]
            line.took = line.seconds
        if not self._live:
            console.print(_sentence(line), highlight=False)

    def heard(self, step: Step, rows: int, tokens: int) -> None:
        """See `Watch`."""

    def lost(self, step: Step, cause: str) -> None:
        """See `Watch`."""
        console.print(f"{step.name}: {cause}; tried again", highlight=False)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        table.add_column("stage", no_wrap=True)
        for name in ("rows", "kept", "failed", "rows/s", "tok/s", "time", "left"):
            table.add_column(name, justify="right", no_wrap=True)
        with self._lock:
            for position, line in enumerate(self._lines.values()):
                table.add_row(*self._cells(position, line))
        return table

    def _cells(self, position: int, line: _Line) -> list[str]:
        if line.began is None:
            return [f"[dim]{line.step.name}", *[""] * 7]
        expected = self._expected(position)
        name = line.step.name if line.took is None else f"[green]{line.step.name}"
        rows = f"{line.rows_in}/{expected}" if line.took is None else str(line.rows_in)
        return [
            *(name, rows, str(line.rows_out), str(line.failed or ""), *_rates(line)),
            _clock(line.seconds),
            _left(line, expected),
        ]

    def _expected(self, position: int) -> int:
        """Rows the step will get, as far as the step before knows."""
        lines = list(self._lines.values())
        if position:
            return lines[position - 1].rows_out
        return self._seeds


def _rates(line: _Line) -> tuple[str, str]:
    computed = line.rows_in - line.reused
    if not computed:
        return "reused" if line.reused else "", ""
    tokens = line.tokens and isinstance(line.step.stage, PromptStage)
    return _rate(line.rate(computed), 1), _rate(line.rate(line.tokens), 0) if tokens else ""


def _rate(rate: float, digits: int) -> str:
    """Nothing where the time was too short to measure."""
    return f"{rate:.{digits}f}" if rate else ""


def _left(line: _Line, expected: int) -> str:
    if line.took is not None or not line.rows_in or expected <= line.rows_in:
        return ""
    return _clock(line.seconds * (expected - line.rows_in) / line.rows_in)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _sentence(line: _Line) -> str:
    rows, tokens = _rates(line)
    parts = [f"{line.step.name}: {line.rows_in} rows in, {line.rows_out} out"]
    parts += [f"{line.failed} failed"] if line.failed else []
    parts += ["reused"] if rows == "reused" else [f"{rows} rows/s"] if rows else []
    parts += [f"{tokens} tok/s"] if tokens else []
    return ", ".join([*parts, f"{line.seconds:.1f} s"])
