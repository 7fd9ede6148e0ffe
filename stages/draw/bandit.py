"""Give each row one of several arms, the likelier the better its rows in the pool were.

In:  any row, and {arm: "teacher", reward: 3.5} of the pool
Out: {arm: "teacher"}

    - {use: draw.bandit, arms: [teacher, expert, friend]}

An arm is a name: of a model, of a way to prompt, of a pair of both. Its chance grows as
exp(mean reward / temperature); an arm without rewards counts as the mean of all, so that each is
tried. Rows that were dropped are not in the pool: let a round's judge stand before its filters if
they are to count. Star-Agents (arXiv:2411.14497) draws its pairs of agents by rewards; the paper's
update rule is its own, and its code was not published.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, SetStage, ShardReader


class Bandit(SetStage):
    """A softmax over the means; for a list of `rounds:`, whose pool it learns from."""

    cites: ClassVar[tuple[str, ...]] = ("star-agents",)
    adds: ClassVar[Columns] = {"arm": pa.string()}
    reads: ClassVar[Mapping[str, Sequence[str]]] = {"pool": ("arm", "reward")}

    arms: tuple[str, ...] = Field(min_length=2)
    temperature: float = Field(0.5, gt=0)
    """In units of the reward: a mean that is higher by so much makes an arm 2.7 times as likely."""

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        chances = self.chances(_rewards(rows.chain("pool")))
        draw = random.Random(seed)
        for table in rows.tables(["id"]):
            for arm in draw.choices(self.arms, chances, k=table.num_rows):
                yield Kept({"arm": arm})

    def chances(self, rewards: Mapping[str, Sequence[float]]) -> list[float]:
        """Of each arm, in proportion, the best one's being 1."""
        means = {arm: sum(rewards[arm]) / len(rewards[arm]) for arm in self.arms if rewards[arm]}
        best, middle = max(means.values(), default=0.0), fmean(means.values() or [0.0])
        return [math.exp((means.get(arm, middle) - best) / self.temperature) for arm in self.arms]


def _counts(reward: float | None) -> bool:
    return reward is not None and math.isfinite(reward)


def _rewards(pool: ShardReader) -> Mapping[str, list[float]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    for table in pool.tables(["arm", "reward"]):
        for row in table.to_pylist():
            if row["arm"] is not None and _counts(row["reward"]):
                found[row["arm"]].append(float(row["reward"]))
    return found
