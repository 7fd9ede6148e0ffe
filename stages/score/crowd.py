"""Say of a question what the answers of many models tell about it.

In:  {rewards: [0.2, 0.9, 0.4, 0.6]}, the reward of each model's answer, in the order of `sizes`
Out: {difficulty: -0.525, separability: 0.067, stability: 0.5} with `sizes: {a: [7, 70], b: [2, 9]}`

CrowdSelect's three measures (arXiv:2503.01836): how badly the models do on the whole, how far they
lie apart (the variance), and whether larger models of a family do better, as the mean over the
families of Spearman's rank correlation of size and reward. A family whose rewards are all equal
says nothing and is left out; null where none is left. Nulls and NaN in `rewards` are left out too.
"""

from collections.abc import Mapping
from statistics import fmean, pvariance
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from scipy.stats import spearmanr
from typing_extensions import override

from stages.base import Columns, Failed, Fate, Kept, Row, RowStage
from stages.shared.numbers import is_score


class Crowd(RowStage):
    """`columns: {rewards: …}` names the list."""

    version: ClassVar[int] = 2
    cites: ClassVar[tuple[str, ...]] = ("crowdselect",)
    needs: ClassVar[tuple[str, ...]] = ("rewards",)
    adds: ClassVar[Columns] = {
        "difficulty": pa.float64(),
        "separability": pa.float64(),
        "stability": pa.float64(),
    }

    sizes: Mapping[str, tuple[float, ...]] = Field(min_length=1)
    """By family, the sizes of its models; the list has the models in this order."""

    @override
    def decide(self, row: Row) -> Fate:
        rewards, count = row["rewards"] or [], sum(map(len, self.sizes.values()))
        if len(rewards) != count:
            return Failed("score.unequal", f"{len(rewards)} rewards of {count} models")
        known = [reward for reward in rewards if is_score(reward)]
        if not known:
            return Kept(dict.fromkeys(self.adds))
        families, start = [], 0
        for sizes in self.sizes.values():
            families.append((sizes, rewards[start : start + len(sizes)]))
            start += len(sizes)
        ranked = [rho for sizes, own in families if (rho := _ranked(sizes, own)) is not None]
        stability = fmean(ranked) if ranked else None
        facts = (-fmean(known), pvariance(known), stability)
        return Kept(dict(zip(self.adds, facts, strict=True)))

    @override
    def identity(self) -> Row:
        # The order of families is that of the list, and JSON keys are sorted.
        return {"order": list(self.sizes)}


def _ranked(sizes: tuple[float, ...], rewards: list[float | None]) -> float | None:
    known = [(s, r) for s, r in zip(sizes, rewards, strict=True) if is_score(r)]
    if len({s for s, _ in known}) < 2 or len({r for _, r in known}) < 2:
        return None
    return float(spearmanr(*zip(*known, strict=True)).statistic)
