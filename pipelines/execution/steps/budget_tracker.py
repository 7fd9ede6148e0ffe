"""A cap on what a dataset may take: dollars, tokens, minutes.

Everything in the ledger of the dataset counts, whichever run paid for it; a run that goes on
after a kill has what is left. A stage that asks an engine begins no shard for which there is not
enough, and neither does it where the rows made so far could not be carried to the end: what later
stages will take for them is held back, by what they took so far or, before they have begun, by
what they may take at most. A shard that is refused waits for what is under way to be known, and is
left for another day only when nothing is.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import prompts
from pipelines.plan.steps import Step, steps_before
from pipelines.recipe.money import Budget, Price, cost
from pipelines.store.log.manifest import Manifest, Shard, Usage, total
from stages.base import MultiCallStage

Verdict = Literal["go", "wait", "stop"]

_PER_TOKEN = 4
"""Characters of a template that are taken for a token, of a stage that has not asked yet."""

_HEADER = 30
"""Tokens of a chat's frame and default system message."""


@dataclass(slots=True)
class _Account:
    """One step's: rows that it took and made, rows under way, what its calls took."""

    taken: int = 0
    made: int = 0
    under_way: int = 0
    usages: tuple[Usage, ...] = ()
    """By the step's engines."""
    waits: bool = False
    """Whether its next shard was refused, for now."""


class BudgetTracker:
    """One run's. Used by the threads of all steps. `past`: what the store has of the steps."""

    def __init__(
        self,
        budget: Budget,
        steps: Sequence[Step],
        prices: dict[str, Price] | None = None,
        past: Mapping[str, Manifest] | None = None,
    ) -> None:
        self._budget, self._steps, self._prices = budget, steps, prices or {}
        self._by_name = {step.name: step for step in steps}
        self._accounts: dict[str, _Account] = defaultdict(_Account)
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._told: list[Callable[[], None]] = []
        self._past = {
            name: _Account(found.counts.input, found.counts.output, usages=found.by_engine)
            for name, found in (past or {}).items()
        }
        references = self._references()
        self._ranks = {
            step.name: i + (len(steps) if step.name in references else 0)
            for i, step in enumerate(steps)
        }
        self.reached = ""
        """Which cap kept a shard from being begun; empty for none."""

    @property
    def only_adds(self) -> bool:
        """Whether more rows only add to the result.

        Not so where a set stage that chooses stands before a paid stage: with more rows it could
        choose others, and what was paid for would be lost.
        """
        last = max((self._steps.index(s) for s in self._steps if self._is_paid(s)), default=0)
        steps = self._steps[: last + 1]
        return all(not s.whole or s.stage.role in ("dedup", "filter") for s in steps)

    def rank(self, step: Step) -> int:
        """Who goes first under a budget: later steps, so that rows become whole before it ends.

        Before all others go chains that rows are held against: against a part of them nothing can
        be decided.
        """
        return self._ranks[step.name]

    def fresh(self) -> "BudgetTracker":
        """For another pass of the same run: its minutes go on, and what rows cost is known."""
        made = BudgetTracker(self._budget, self._steps, self._prices)
        made._began = self._began
        made._past = {step.name: self._known(step) for step in self._steps}
        return made

    def tell(self, changed: Callable[[], None]) -> None:
        """Have `changed` called whenever a shard that waits may get another verdict."""
        if self._budget != Budget():
            self._told.append(changed)

    def begin(self, step: Step, rows: int) -> Verdict:
        """Whether the step may ask for so many rows now; if so, they are under way."""
        if self._budget == Budget():
            return "go"
        with self._lock:
            account = self._accounts[step.name]
            why = self._against(step) if self._is_paid(step) else ""
            account.waits = bool(why)
            if not why:
                account.under_way += rows
                return "go"
            if self._may_change() and not self._is_late():
                return "wait"
            self.reached = self.reached or why
        self._tell()
        return "stop"

    @property
    def used(self) -> float:
        """The share of the budget that is spent, of the cap that is nearest."""
        shares = [1.0] if self._is_late() else []
        for unit, cap in (("usd", self._budget.usd), ("tokens", self._budget.tokens)):
            if cap is not None:
                shares.append(self._spent(unit) / cap if cap else 1.0)
        return max(shares, default=1.0)

    def _spent(self, unit: str) -> float:
        paid = [step for step in self._steps if self._is_paid(step)]
        return sum(self._cost(unit, step, self._known(step).usages) for step in paid)

    def _known(self, step: Step) -> _Account:
        """What is known of a step: in a pass that has not come to it, by the one before."""
        now, past = self._accounts[step.name], self._past.get(step.name)
        return past if past is not None and past.taken > now.taken else now

    def took(self, step: Step, shard: Shard, *, begun: bool) -> None:
        """A shard is committed; `begun`: by this run."""
        if self._budget == Budget():
            return
        with self._lock:
            account = self._accounts[step.name]
            account.taken += shard.counts.input
            account.made += shard.counts.output
            account.under_way -= shard.counts.input if begun else 0
            took = shard.by_engine or (shard.usage,)
            sums = zip(account.usages or [Usage()] * len(took), took, strict=True)
            account.usages = tuple(total(Usage, list(pair)) for pair in sums)
        self._tell()

    def _tell(self) -> None:
        for changed in self._told:
            changed()

    def _may_change(self) -> bool:
        """Whether anything is under way or will be: what it takes may be less than was guessed."""
        if any(self._accounts[step.name].under_way for step in self._steps):
            return True
        for step in self._steps:
            here = self._accounts[step.name]
            if (step.whole or step.conditions) and not here.taken:
                continue  # it waits for all of its rows, and those for this verdict
            made = sum(self._accounts[name].made for name in step.after)
            if made > here.taken and not here.waits:
                return True
        return False

    def _is_paid(self, step: Step) -> bool:
        """An embedder without a price costs nothing: a capped run can still be sorted."""
        stage = step.stage
        if not isinstance(stage, MultiCallStage):
            return False
        return "embed" not in stage.requires or any(name in self._prices for name in stage.engines)

    def _is_late(self) -> bool:
        minutes = (time.monotonic() - self._began) / 60
        return self._budget.minutes is not None and minutes >= self._budget.minutes

    def _against(self, step: Step) -> str:
        if self._is_late():
            return f"the budget of {self._budget.minutes:g} minutes is spent"
        for name, cap in (("usd", self._budget.usd), ("tokens", self._budget.tokens)):
            if cap is not None and self._bound(name, step) >= cap:
                return f"the budget of {cap:g} {name} is spent, or is needed for the rows there are"
        return ""

    def _bound(self, unit: str, step: Step) -> float:
        """Spent, under way, and needed to carry the rows of this step to the end."""
        paid = [each for each in self._steps if self._is_paid(each)]
        known = [self._accounts[each.name] for each in paid]
        total = self._spent(unit)
        flying = [(e, a.under_way) for e, a in zip(paid, known, strict=True) if a.under_way]
        total += sum(self._each(unit, e, step) * rows for e, rows in flying)
        coming = self._on_their_way(step)
        later = [each for each in paid if each.name in coming]
        return total + sum(coming[e.name] * self._each(unit, e, step) for e in later)

    def _on_their_way(self, step: Step) -> dict[str, float]:
        """By the name of a later step, the rows that will come to it of those that are made.

        Later means of higher rank: rows that wait before `step`, or in a chain that has to wait for
        it, have a verdict of their own. What filters and dedups in between let through is known by
        what they let through so far.
        """
        before = steps_before(step.after, self._by_name)
        leaving = {step.name: self._accounts[step.name].under_way * self._yield(step, 1.0)}
        coming = {}
        for here in self._steps:
            if self.rank(here) <= self.rank(step) or here.name in before:
                continue
            origins = [self._by_name[name] for name in here.after if name not in before]
            rows = max(0.0, self._made(origins, here) - self._known(here).taken)
            rows += sum(leaving.get(origin.name, 0.0) for origin in origins)
            leaving[here.name] = rows * self._yield(here, rows)
            coming[here.name] = max(0.0, rows - self._accounts[here.name].under_way)
        return coming

    def _made(self, origins: Sequence[Step], here: Step) -> float:
        """Rows that come or came to `here`; to a source what it is known to begin with."""
        if here.after:
            return sum(self._known(origin).made for origin in origins)
        if self._ranks[here.name] >= len(self._steps):
            return here.stage.count_initial_rows()
        known = self._known(here)
        return known.taken + self._accounts[here.name].under_way

    def _references(self) -> set[str]:
        """Names of the steps whose rows are only held against: none can be in the dataset."""
        read = {name for step in self._steps for names in step.reads.values() for name in names}
        last = self._steps[-1].name
        return steps_before(read, self._by_name) - steps_before([last], self._by_name)

    def _yield(self, step: Step, rows: float) -> float:
        """Rows that go on for each that comes: so far, or at most."""
        account = self._known(step)
        if account.taken:
            return account.made / account.taken
        return step.stage.max_rows(round(rows)) / round(rows) if round(rows) else 1.0

    def _each(self, unit: str, step: Step, before: Step) -> float:
        """What a row costs in this step: so far on average, or at most."""
        account = self._known(step)
        if account.taken:
            return self._cost(unit, step, account.usages) / account.taken
        there = self._known(before)
        text = sum(each.prompt_tokens + each.completion_tokens for each in there.usages)
        own = sum(len(prompts.text(name)) for name in step.stage.prompts) // _PER_TOKEN
        prompt = _HEADER + own + (text // there.taken if there.taken else 0)
        if not isinstance(step.stage, MultiCallStage):
            return 0.0
        # A later call of a row may read all that was written before.
        calls, written = step.stage.most_calls, step.stage.most_tokens
        each = Usage(calls, calls * (prompt + (calls - 1) * written), calls * written)
        dearest = [self._cost(unit, step, self._only(step, name, each)) for name in step.engines]
        return max(dearest, default=0.0)

    @staticmethod
    def _only(step: Step, engine: str, usage: Usage) -> tuple[Usage, ...]:
        return tuple(usage if name == engine else Usage() for name in step.engines)

    def _cost(self, unit: str, step: Step, usages: Sequence[Usage]) -> float:
        if unit == "tokens":
            return sum(usage.prompt_tokens + usage.completion_tokens for usage in usages)
        return cost(self._prices, list(step.engines), usages) or 0.0
