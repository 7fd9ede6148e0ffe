"""What a plan will cost at most, and what of it is in the store already."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.plan.steps import Step
from pipelines.store.log import log
from pipelines.store.store import Store
from stages.ask import attempts
from stages.base import MultiCallStage, Stage


@dataclass(frozen=True, slots=True)
class Estimate:
    """Upper bounds for one step: rows it gets, calls it makes, tokens it writes.

    `cached` says how far the step is committed; what is committed costs nothing.
    """

    step: Step
    rows: int
    calls: int
    tokens: int
    cached: str

    @property
    def engine(self) -> str:
        """The names of the engines it calls; empty for none."""
        return ", ".join(self.step.engines)


def estimate(steps: Sequence[Step], store: Store) -> list[Estimate]:
    """One estimate per step. Filters are taken to pass every row, so the bounds only fall.

    Of rounds all are counted.
    """
    estimates = []
    made: dict[str, int] = {}
    for step in steps:
        rows = sum(made[name] for name in step.after)
        rows = rows if step.after else step.stage.count_initial_rows()
        found = log.read(store.stage(step.folder))
        counts = [s.counts for s in found.shards if not s.counts.failed] if found else []
        done = sum(count.input for count in counts)
        complete = found is not None and found.complete
        calls = 0 if complete else max(0, rows - done) * _attempts(step.stage)
        cached = "yes" if complete else f"{done} rows" if done else ""
        estimates.append(Estimate(step, rows, calls, calls * _tokens(step.stage), cached))
        most = found.counts.output if complete and found else step.stage.max_rows(rows)
        made[step.name] = most
    return estimates


def _attempts(stage: Stage) -> int:
    """Calls a row takes at most."""
    if not isinstance(stage, MultiCallStage):
        return 0
    return stage.most_calls * attempts(stage.on_parse_error)


def _tokens(stage: Stage) -> int:
    """Tokens one call writes at most."""
    return stage.most_tokens if isinstance(stage, MultiCallStage) else 0
