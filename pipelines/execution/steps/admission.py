"""Which of a step's tasks may start: the budget, the shards wanted and the gate decide.

Whether a round starts at all is decided before (`StageRun`).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.execution.shards.shard_task import ShardTask
from pipelines.execution.steps.budget_tracker import Verdict
from pipelines.execution.steps.conditions import Conditions
from pipelines.execution.steps.gate import Pass
from pipelines.plan.steps import Step
from pipelines.recipe.money import Budget


@dataclass(frozen=True, slots=True)
class Admitted:
    """Work that the gate has let in."""

    work: ShardTask
    through: Pass | None
    fresh: bool
    """Whether it begins for the first time."""


class Admission:
    """Of one step, used by its thread alone. `let` hears of what may begin, from any thread."""

    def __init__(
        self, step: Step, position: int, given: Conditions, let: Callable[[Admitted], None]
    ) -> None:
        self._step, self._position, self._given, self._let = step, position, given, let
        self._refused: deque[ShardTask] = deque()
        self._under_way = 0
        self.capped = False
        """Whether work was left for another day."""

    @property
    def open(self) -> bool:
        """Whether work waits, is under way, or has ended without being looked at."""
        return bool(self._refused or self._under_way)

    def offer(self, work: ShardTask) -> None:
        """Have `work` begin when it may."""
        self._refused.append(work)

    def ended(self, works: int) -> None:
        """So many have ended, well or not."""
        self._under_way -= works

    def begin(self) -> int:
        """Start what the budget allows; return how many tasks will not start in this run."""
        left = 0
        while self._refused:
            verdict = self._verdict(self._refused[0])
            if verdict == "wait":
                break
            work = self._refused.popleft()
            if verdict == "go":
                self.enter(work, fresh=True)
            else:
                left += 1
        self.capped |= left > 0
        return left

    def _verdict(self, work: ShardTask) -> Verdict:
        wanted = self._given.wanted
        if wanted is not None and not self._step.whole:
            return "go" if work.inputs[0].index in wanted.get(self._step.name, ()) else "stop"
        return self._given.budget.begin(self._step, sum(given.rows for given in work.inputs))

    def enter(self, work: ShardTask, *, fresh: bool) -> None:
        """Wait for a place at the engine; what asks none needs none."""
        self._under_way += 1
        if not self._step.engines:
            self._let(Admitted(work, None, fresh))
            return
        rows = 1 if work.only is not None else work.inputs[0].rows
        # Of several engines the first: the others get no more calls than their own capacity.
        first = next(iter(self._step.engines))
        gate = self._given.trials if work.only is not None else self._given.gates[first]
        # Under a budget rows are made whole before others begin.
        capped = self._given.recipe.budget != Budget()
        position = -self._given.budget.rank(self._step) if capped else self._position
        gate.enter(position, rows, lambda through: self._let(Admitted(work, through, fresh)))
