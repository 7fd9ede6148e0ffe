"""What the steps of a run share."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.execution.engines.reply_log import Cassettes
from pipelines.execution.executor import Executor
from pipelines.execution.steps.budget_tracker import BudgetTracker
from pipelines.execution.steps.gate import Gate
from pipelines.execution.watch import Watch
from pipelines.recipe.parse import Recipe
from pipelines.store.lease import Lease
from pipelines.store.store import Store


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the steps of a run share. `stop` is set when the run is to end early."""

    recipe: Recipe
    shard_rows: int
    store: Store
    lease: Lease
    executor: Executor
    watch: Watch
    stop: threading.Event
    cassettes: Cassettes
    budget: BudgetTracker
    gates: dict[str, Gate]
    """By the engine's name."""
    wanted: Mapping[str, frozenset[int]] | None = None
    """By the step's name, the indices of the shards that are to be made; None for all."""
    as_it_was: bool = False
    """Whether only what a repair took out is made: rows that had failed stay so."""
    trials: Gate = field(default_factory=lambda: Gate(1))
    """Rows that may kill their process are tried one at a time: none is taken for another."""
