"""Say how far each row's nearest neighbour is, and whether an earlier row is nearly the same.

In:  {embedding: [0.03, -0.12, …]} of unit length
Out: {min_neighbor_distance: 0.62, repeat_count: 0, min_similar_id: null, repeats_earlier: false};
     the distance is null without an embedding

Magpie's columns (arXiv:2406.08464 and its released `gen_dis.py`): distances are squared Euclidean,
2 - 2 * cosine; a row within `within` of another is similar to it, 0.05 being a cosine above 0.975.
`min_similar_id` is the first of the similar rows, the row itself among them; null without any.
Magpie keeps a row if that is null or the row itself: `filter.where` with `repeats_earlier`, which
drops more than `dedup.semantic`, because rows that are dropped count too. Exact, in blocks: no pair
is missed.
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.vectors import read_vectors

_BLOCK = 1024
_SAME = 1e-5
"""In float32 the distance of a vector from itself comes out as up to 1e-6."""


class Neighbours(SetStage):
    """Drops nothing."""

    role: ClassVar[Role] = "annotate"
    cites: ClassVar[tuple[str, ...]] = ("magpie",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("embedding",)
    adds: ClassVar[Columns] = {
        "min_neighbor_distance": pa.float64(),
        "repeat_count": pa.int64(),
        "min_similar_id": pa.string(),
        "repeats_earlier": pa.bool_(),
    }

    within: float = Field(0.05, gt=0, lt=4)

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        ids, vectors = read_vectors(rows)
        for start in range(0, len(ids), _BLOCK):
            block = vectors[start : start + _BLOCK]
            distances = 2.0 - 2.0 * (block @ vectors.T)
            distances[distances < _SAME] = 0.0
            own = np.arange(len(block)), np.arange(start, start + len(block))
            distances[own] = np.inf
            for place, row in enumerate(distances, start):
                similar = np.flatnonzero(row < self.within)
                first = min(place, int(similar[0])) if similar.size else None
                nearest = float(row.min()) if len(ids) > 1 and vectors[place].any() else None
                yield Kept(
                    {
                        "min_neighbor_distance": nearest,
                        "repeat_count": int(similar.size),
                        "min_similar_id": None if first is None else ids[first],
                        "repeats_earlier": first is not None and first < place,
                    }
                )
