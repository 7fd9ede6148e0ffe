"""Choose `rows` rows that are good and unlike each other.

In:  {score: 4.31, embedding: [0.03, -0.12, …]}
Out: {selection_rank: 3, selection_gain: 0.71}, or dropped as select.not_chosen

Greedy maximal marginal relevance (Carbonell and Goldstein, 1998): the next row is the one with
the largest `quality` * q + (1 - quality) * d, where q is the row's rank by score scaled to
[0, 1] and d its cosine distance to the nearest row already chosen. Ranks, because judges differ
in scale but hardly in order. Rows without a score come last.
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.numbers import average_ranks
from stages.shared.vectors import read_vectors

_FEW = 512
"""Rows that are brought up to date together."""


class QualityDiversity(SetStage):
    """Keeps all rows where there are no more than `rows`."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "select"
    cites: ClassVar[tuple[str, ...]] = ("mmr",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("score", "embedding")
    adds: ClassVar[Columns] = {"selection_rank": pa.int64(), "selection_gain": pa.float64()}

    rows: int = Field(gt=0)
    quality: float = Field(0.6, ge=0, le=1)
    """Weight of quality; the rest is diversity."""

    @override
    def max_rows(self, rows: int) -> int:
        return min(rows, self.rows)

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in order."""
        ids, vectors = read_vectors(rows)
        tables = rows.tables(["score"])
        scores = [s for table in tables for s in table["score"].to_pylist()]
        chosen = self._choose(quality_ranks(scores), vectors)
        for i in range(len(ids)):
            if i in chosen:
                rank, gain = chosen[i]
                yield Kept({"selection_rank": rank, "selection_gain": gain})
            else:
                yield Dropped("select.not_chosen", f"the {self.rows} chosen gain more")

    def _choose(self, quality: np.ndarray, vectors: np.ndarray) -> dict[int, tuple[int, float]]:
        """Rank and gain of each chosen row.

        Lazily: a row's distance to the chosen ones only falls, so one whose gain as last computed
        is below the best need not be looked at again. Rows that may be next are brought up to
        date some at a time.
        """
        distance = np.ones(len(quality))
        gains = self.quality * quality + (1 - self.quality) * distance
        seen = np.zeros(len(quality), dtype=np.int64)
        chosen: dict[int, tuple[int, float]] = {}
        order: list[int] = []
        while len(order) < min(self.rows, len(quality)):
            # argmax takes the first of equals, so ties fall to the earlier row.
            best = int(np.argmax(gains))
            if seen[best] == len(order):
                order.append(best)
                chosen[best] = (len(order), float(gains[best]))
                gains[best] = -np.inf
                continue
            stale = self._next_few(gains, seen, len(order))
            for since in np.unique(seen[stale]):
                rows = stale[seen[stale] == since]
                near = vectors[rows] @ vectors[order[since:]].T
                distance[rows] = np.minimum(distance[rows], 1 - near.max(axis=1))
            seen[stale] = len(order)
            gains[stale] = self.quality * quality[stale] + (1 - self.quality) * distance[stale]
        return chosen

    def _next_few(self, gains: np.ndarray, seen: np.ndarray, now: int) -> np.ndarray:
        """The likeliest rows, of those that were not compared with all that is chosen."""
        few = min(_FEW, len(gains))
        likely = np.argpartition(-gains, few - 1)[:few]
        likely = np.append(likely, np.argmax(gains))
        fresh = np.unique(likely[(seen[likely] < now) & np.isfinite(gains[likely])])
        return fresh


def quality_ranks(scores: list[float | None]) -> np.ndarray:
    """Ranks scaled to [0, 1], equal scores alike; rows without a score get 0."""
    values = np.array([-np.inf if s is None or np.isnan(s) else s for s in scores])
    if len(values) < 2:
        return np.ones(len(values))
    ranks = (average_ranks(values) - 1) / (len(values) - 1)
    return np.where(np.isinf(values), 0.0, ranks)
