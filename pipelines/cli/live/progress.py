"""How a run goes: a live line per stage on a terminal, elsewhere one every half a minute."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.table import Table

from pipelines.cli.live.pace import StepPace
from pipelines.cli.live.quiet import quiet
from pipelines.cli.output import console
from pipelines.execution.executor import Executor
from pipelines.plan.steps import Step
from pipelines.run.job import Job
from pipelines.store.log.manifest import Manifest, Shard

_NEWS_S = 30.0


@dataclass(slots=True)
class Progress:
    """A `Watch` that prints to standard error. `executor` says which engines are being loaded."""

    job: Job
    executor: Executor | None = None
    _paces: dict[str, StepPace] = field(default_factory=dict)
    _seeds: dict[str, int] = field(default_factory=dict)
    _live: Live | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._paces = {step.name: StepPace(step) for step in self.job.steps}
        sources = [step for step in self.job.steps if not step.after]
        self._seeds = {step.name: step.stage.count_initial_rows() for step in sources}
        console.print(f"run {self.job.run.id} in {self.job.store.root.uri()}", highlight=False)
        if console.is_terminal:
            self._open.enter_context(quiet())
            # Redrawn by the clock, so that the time goes on between two answers.
            self._live = Live(
                console=console,
                refresh_per_second=2,
                get_renderable=self._table,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._open.enter_context(self._live)
        else:
            threading.Thread(target=self._tell, name="progress", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._open.__exit__(kind, error, trace)

    def began(self, step: Step) -> None:
        """See `Watch`. The clock of a later step starts with its first row."""
        if not step.after:
            self._paces[step.name].begin()

    def heard(self, step: Step, rows: int, tokens: int) -> None:
        """See `Watch`."""
        with self._lock:
            self._paces[step.name].hear(rows, tokens)

    def committed(self, step: Step, shard: Shard, *, reused: bool) -> None:
        """See `Watch`."""
        with self._lock:
            self._paces[step.name].commit(shard, reused=reused)

    def ended(self, step: Step, done: Manifest) -> None:
        """See `Watch`."""
        with self._lock:
            pace = self._paces[step.name]
            pace.end()
        if not self._live:
            console.print(_sentence(pace), highlight=False)

    def lost(self, step: Step, cause: str) -> None:
        """See `Watch`."""
        console.print(f"{step.name}: {cause}; tried again", highlight=False)

    def _tell(self) -> None:
        """A line for each stage at work, every half a minute."""
        while not self._over.wait(_NEWS_S):
            for name in self._loading():
                console.print(self._load(name), highlight=False)
            with self._lock:
                lines = [self._news(pace) for pace in self._paces.values()]
            for line in filter(None, lines):
                console.print(line, highlight=False)

    def _loading(self) -> list[str]:
        return self.executor.loading() if self.executor is not None else []

    def _load(self, name: str) -> str:
        return f"loading {self.job.recipe.engines[name].model} for the engine '{name}'"

    def _news(self, pace: StepPace) -> str:
        expected, whole = self._known(pace.step)
        if pace.began is None or pace.took is not None or not expected:
            return ""
        rows, tokens = pace.rates()
        left = _left(pace, expected, whole=whole)
        parts = [f"{pace.step.name}: {pace.answered} of {expected}{'' if whole else '+'} rows"]
        parts += [f"{pace.failed} failed"] if pace.failed else []
        parts += [f"{rows:.1f} rows/s"] if rows else []
        parts += [f"{tokens:.0f} tok/s"] if tokens else []
        return ", ".join([*parts, *([f"{left} left"] if left else [])])

    def _known(self, step: Step) -> tuple[int, bool]:
        """Rows that the step will get as far as is known, and whether these are all."""
        if not step.after:
            return self._seeds[step.name], True
        before = [self._paces[name] for name in step.after]
        return sum(p.rows_out for p in before), all(p.took is not None for p in before)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        table.add_column("stage", no_wrap=True)
        for name in ("rows", "kept", "failed", "rows/s", "tok/s", "time", "left"):
            table.add_column(name, justify="right", no_wrap=True)
        loading = self._loading()
        with self._lock:
            for pace in self._paces.values():
                # Of later rounds what has begun: they may not be needed.
                if pace.step.round == 1 or pace.began is not None:
                    table.add_row(*self._cells(pace))
        table.caption = ", ".join(map(self._load, loading)) or None
        table.caption_justify = "left"
        return table

    def _cells(self, pace: StepPace) -> list[str]:
        if pace.began is None:
            return [f"[dim]{pace.step.name}", *[""] * 7]
        expected, whole = self._known(pace.step)
        over = pace.took is not None
        of = f"{pace.answered}/{expected}{'' if whole else '+'}"
        return [
            f"[green]{pace.step.name}" if over else pace.step.name,
            str(pace.rows_in) if over else of,
            str(pace.rows_out),
            str(pace.failed or ""),
            *_rates(pace),
            _clock(pace.seconds),
            _left(pace, expected, whole=whole),
        ]


def _rates(pace: StepPace) -> tuple[str, str]:
    if pace.answered == pace.reused:
        return "reused" if pace.reused else "", ""
    rows, tokens = pace.rates()
    return f"{rows:.1f}" if rows else "", f"{tokens:.0f}" if tokens else ""


def _left(pace: StepPace, expected: int, *, whole: bool) -> str:
    """At the rate of now; nothing where more rows may come."""
    rate, _ = pace.rates()
    if pace.took is not None or not whole or not rate or expected <= pace.answered:
        return ""
    return _clock((expected - pace.answered) / rate)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _sentence(pace: StepPace) -> str:
    rows, tokens = _rates(pace)
    parts = [f"{pace.step.name}: {pace.rows_in} rows in, {pace.rows_out} out"]
    parts += [f"{pace.failed} failed"] if pace.failed else []
    parts += ["reused"] if rows == "reused" else [f"{rows} rows/s"] if rows else []
    parts += [f"{tokens} tok/s"] if tokens else []
    return ", ".join([*parts, f"{pace.seconds:.1f} s"])
