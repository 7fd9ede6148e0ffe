"""Keep rows whose losses went different ways while a small model was trained.

In:  {losses: [3.1, 2.2, 1.9]}, the row's loss at each checkpoint of the small model
Out: {trajectory: 4}, its cluster, or dropped as select.not_drawn, select.outlier (a cluster of at
     most two) or select.no_value (none, or not as many as most rows)

SmallToLarge (arXiv:2403.07384): rows of one cluster teach a large model the same, so each cluster
gives equally many, the smallest first; what a small one lacks the larger ones give. k-means by
FAISS as in the released code (20 iterations), the best of five starts; losses that are not finite
count as 0. Within a cluster rows are drawn by chance.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.vectors import k_means

_OUTLIERS = 2


class Trajectories(SetStage):
    """Holds all trajectories in memory."""

    version: ClassVar[int] = 3
    role: ClassVar[Role] = "select"
    cites: ClassVar[tuple[str, ...]] = ("s2l",)
    needs: ClassVar[tuple[str, ...]] = ("losses",)
    adds: ClassVar[Columns] = {"trajectory": pa.int64()}

    rows: int = Field(gt=0)
    clusters: int = Field(100, ge=1)

    @override
    def max_rows(self, rows: int) -> int:
        return min(rows, self.rows)

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        losses = [each for table in rows.tables(["losses"]) for each in table["losses"].to_pylist()]
        # The commonest; of equals the longest.
        lengths = Counter(len(each) for each in losses if each)
        length = max(lengths, key=lambda n: (lengths[n], n), default=0)
        known = [i for i, each in enumerate(losses) if each and len(each) == length]
        cluster = dict(zip(known, self._clusters([losses[i] for i in known], seed), strict=True))
        members: dict[int, list[int]] = defaultdict(list)
        for i, number in cluster.items():
            members[number].append(i)
        whole = {number: m for number, m in members.items() if len(m) > _OUTLIERS}
        drawn = _drawn(whole, self.rows, random.Random(seed))
        for i in range(len(losses)):
            if i in drawn:
                yield Kept({"trajectory": cluster[i]})
            elif i not in cluster:
                yield Dropped("select.no_value")
            elif cluster[i] in whole:
                yield Dropped("select.not_drawn")
            else:
                yield Dropped("select.outlier")

    def _clusters(self, losses: Sequence[Sequence[float]], seed: int) -> list[int]:
        if not losses:
            return []
        values = [[np.nan if x is None else x for x in trajectory] for trajectory in losses]
        with np.errstate(over="ignore"):
            points = np.nan_to_num(np.asarray(values, dtype=np.float32), posinf=0.0, neginf=0.0)
        # Of a small set fewer clusters, lest all of them be outliers.
        room = max(1, len(points) // (5 * _OUTLIERS))
        return k_means(points, min(self.clusters, room), seed)[0]


def _drawn(members: Mapping[int, list[int]], rows: int, draw: random.Random) -> set[int]:
    """As many of each as there is room for, the smallest cluster first."""
    chosen: set[int] = set()
    order = sorted(members.values(), key=len)
    for place, own in enumerate(order):
        share = -(-(rows - len(chosen)) // (len(order) - place))
        chosen.update(draw.sample(own, min(share, len(own), rows - len(chosen))))
    return chosen
