"""A cap on what a dataset may take: dollars, tokens, minutes.

Everything in the ledger of the dataset counts, whichever run paid for it; a run that goes on
after a kill has what is left. A stage that asks an engine begins no shard for which there is not
enough, and neither does it where the rows made so far could not be carried to the end: what later
stages will take for them is held back, by what they took so far or, before they have begun, by
what they may take at most.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.money import Budget, Price
from pipelines.plan import Step
from pipelines.store.manifest import Shard, Usage, total
from stages.base import PromptStage
from stages.sampled import Sampled

_PROMPT_GUESS = 200
"""Tokens of a question itself, beside the row's text, of a stage that has not asked yet."""


@dataclass(slots=True)
class _Account:
    """One step's: rows that it took and made, shards under way, what its calls took."""

    taken: int = 0
    made: int = 0
    under_way: int = 0
    usage: Usage = field(default_factory=Usage)


class Meter:
    """One run's. Used by the threads of all steps."""

    def __init__(
        self, budget: Budget, steps: Sequence[Step], prices: dict[str, Price] | None = None
    ) -> None:
        self._budget, self._steps, self._prices = budget, steps, prices or {}
        self._accounts: dict[str, _Account] = defaultdict(_Account)
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self.reached = ""
        """Which cap kept a shard from being begun; empty for none."""

    def begin(self, step: Step, rows: int) -> bool:
        """Whether the step may ask for so many rows; if so, they are under way."""
        if self._budget == Budget():
            return True
        with self._lock:
            why = self._against(step) if self._is_paid(step) else ""
            self.reached = self.reached or why
            if not why:
                self._accounts[step.name].under_way += rows
            return not why

    def took(self, step: Step, shard: Shard, *, begun: bool) -> None:
        """A shard is committed; `begun`: by this run."""
        if self._budget == Budget():
            return
        with self._lock:
            account = self._accounts[step.name]
            account.taken += shard.counts.input
            account.made += shard.counts.output
            account.under_way -= shard.counts.input if begun else 0
            account.usage = total(Usage, [account.usage, shard.usage])

    def _is_paid(self, step: Step) -> bool:
        """An embedder without a price costs nothing: a capped run can still be sorted."""
        stage = step.stage
        if not isinstance(stage, PromptStage):
            return False
        return "embed" not in stage.wants or stage.engine in self._prices

    def _against(self, step: Step) -> str:
        minutes = (time.monotonic() - self._began) / 60
        if self._budget.minutes is not None and minutes >= self._budget.minutes:
            return f"the budget of {self._budget.minutes:g} minutes is spent"
        for name, cap in (("usd", self._budget.usd), ("tokens", self._budget.tokens)):
            if cap is not None and self._bound(name, step) >= cap:
                return f"the budget of {cap:g} {name} is spent, or is needed for the rows there are"
        return ""

    def _bound(self, unit: str, step: Step) -> float:
        """Spent, under way, and needed to carry the rows of this step to the end."""
        paid = [each for each in self._steps if self._is_paid(each)]
        known = [self._accounts[each.name] for each in paid]
        total = sum(self._cost(unit, e, a.usage) for e, a in zip(paid, known, strict=True))
        flying = [(e, a.under_way) for e, a in zip(paid, known, strict=True) if a.under_way]
        total += sum(self._each(unit, e, step) * rows for e, rows in flying)
        mine = self._accounts[step.name]
        coming = mine.made + mine.under_way
        for later in paid[paid.index(step) + 1 :]:
            there = self._accounts[later.name]
            waiting = max(0, coming - there.taken - there.under_way)
            total += waiting * self._each(unit, later, step)
        return total

    def _each(self, unit: str, step: Step, before: Step) -> float:
        """What a row costs in this step: so far on average, or at most."""
        account = self._accounts[step.name]
        if account.taken:
            return self._cost(unit, step, account.usage) / account.taken
        there = self._accounts[before.name]
        text = there.usage.prompt_tokens + there.usage.completion_tokens
        prompt = _PROMPT_GUESS + (text // there.taken if there.taken else 0)
        stage = step.stage
        written = 1
        if isinstance(stage, Sampled):
            written = stage.max_tokens * int(getattr(stage, "samples", 1))
        return self._cost(unit, step, Usage(1, prompt, written))

    def _cost(self, unit: str, step: Step, usage: Usage) -> float:
        if unit == "tokens":
            return usage.prompt_tokens + usage.completion_tokens
        stage = step.stage
        price = self._prices.get(stage.engine) if isinstance(stage, PromptStage) else None
        return price.usd(*usage.tokens) if price else 0.0
