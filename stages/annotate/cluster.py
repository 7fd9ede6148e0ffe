"""Put rows into clusters by their embeddings, and say how near each is to its cluster's centre.

In:  {embedding: [0.03, -0.12, …]}
Out: {cluster: 3, cluster_distance: 0.12, cluster_rank: 0}; nulls without an embedding

Distances are squared Euclidean; the row nearest to its centre has rank 0. With `columns: {group:
cluster}` `annotate.group_mean` then says how good the rows of a topic are (BenchBuilder,
arXiv:2406.11939), and `filter.where` with `columns: {value: cluster_rank}` and `at_most: 0` keeps
one row of each (the anchors of Nuggets, arXiv:2312.10302). k-means; a set that has fewer distinct
rows than `clusters` gets as many clusters as it has of those.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, SetStage, ShardReader
from stages.shared.vectors import k_means, read_vectors


class Cluster(SetStage):
    """Drops nothing; holds all embeddings in memory."""

    cites: ClassVar[tuple[str, ...]] = ("arena-hard", "nuggets")
    needs: ClassVar[tuple[str, ...]] = ("embedding",)
    adds: ClassVar[Columns] = {
        "cluster": pa.int64(),
        "cluster_distance": pa.float64(),
        "cluster_rank": pa.int64(),
    }

    clusters: int = Field(ge=1)

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        _, vectors = read_vectors(rows)
        known = np.flatnonzero(np.isfinite(vectors).all(axis=1) & vectors.any(axis=1))
        found: dict[int, tuple[int, float]] = {}
        if len(known):
            placed = zip(*k_means(vectors[known], self.clusters, seed), strict=True)
            found = dict(zip(known.tolist(), placed, strict=True))
        places: dict[int, Iterator[int]] = defaultdict(itertools.count)
        nearest_first = sorted(found, key=lambda row: found[row][1])
        ranks = {row: next(places[found[row][0]]) for row in nearest_first}
        for row in range(len(vectors)):
            facts = (*found[row], ranks[row]) if row in found else (None, None, None)
            yield Kept(dict(zip(self.adds, facts, strict=True)))
