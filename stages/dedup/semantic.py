"""Drop rows whose embedding is too close to a row already kept.

In:  {embedding: [0.03, -0.12, …]} of unit length
Out: {min_neighbor_distance: 0.31}: cosine distance to the nearest other row of the input, or
     dropped as dedup.semantic, "cosine 0.94 with <id>"

Greedy, as Deita's filter is (arXiv:2312.15685): rows are taken in order and compared with kept
rows only, so of a chain a~b~c the rows a and c stay. Other tools mean other things by the same
word; see docs/architecture.md. Exact inner products in a flat FAISS index: no pair is missed.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import faiss
import numpy as np
import pyarrow as pa
from pydantic import Field

from stages.base import Columns, Dropped, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.vectors import Vectors, read_vectors

_BLOCK = 1024


class Semantic(SetStage):
    """`threshold` is a cosine: at or above it, two rows are the same. The first stays."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "dedup"
    cites: ClassVar[tuple[str, ...]] = ("deita",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("embedding",)
    adds: ClassVar[Columns] = {"min_neighbor_distance": pa.float64()}

    threshold: float = Field(0.9, gt=0, le=1)

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in order."""
        ids, vectors = read_vectors(rows)
        if not ids:
            return
        nearest = _nearest_other(vectors)
        for i, (earlier, cosine) in enumerate(self._duplicates(vectors)):
            if earlier is None:
                distance = max(0.0, 1.0 - float(nearest[i])) if len(ids) > 1 else None
                yield Kept({"min_neighbor_distance": distance})
            else:
                yield Dropped("dedup.semantic", f"cosine {cosine:.3f} with {ids[earlier]}")

    def _duplicates(self, vectors: Vectors) -> Iterator[tuple[int | None, float]]:
        """Of each row the kept row before it that it is closest to, if one is close enough.

        A block of rows is held against the kept ones in one product: memory grows with what is
        kept that is close, not with all pairs of rows that are.
        """
        # FAISS takes what is above; "at" the threshold counts too, within float32 rounding.
        bar = self.threshold - 1e-6
        index = faiss.IndexFlatIP(vectors.shape[1])
        kept: list[int] = []
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK]
            bounds, cosines, neighbours = index.range_search(block, bar)
            within = block @ block.T
            new: list[int] = []
            for i in range(len(block)):
                span = slice(bounds[i], bounds[i + 1])
                close = [
                    (-float(c), kept[j])
                    for j, c in zip(neighbours[span], cosines[span], strict=True)
                ]
                near = np.flatnonzero(within[i, new] > bar)
                close += [(-float(within[i, new[n]]), start + new[n]) for n in near]
                if close:
                    cosine, earlier = min(close)
                    yield earlier, -cosine
                else:
                    new.append(i)
                    yield None, 0.0
            index.add(block[new])
            kept += [start + i for i in new]


def _nearest_other(vectors: Vectors) -> np.ndarray:
    """Cosine of each row with its nearest other row; of no use for a single row."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    cosines, neighbours = index.search(vectors, min(2, len(vectors)))
    own = neighbours[:, 0] == np.arange(len(vectors))
    return np.where(own, cosines[:, -1], cosines[:, 0])
