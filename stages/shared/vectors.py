"""The embedding column of a whole set as one matrix, and clusters of vectors."""

import faiss
import numpy as np
import pyarrow.compute as pc

from stages.base import ShardReader
from stages.errors import RunError

_LARGEST = 1e15
Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def read_vectors(rows: ShardReader) -> tuple[list[str], Vectors]:
    """All ids and their unit vectors, float32 (rows, dimensions); 1.6 kB a row at 384.

    A row without a vector gets zeros: it is like no other row.
    """
    count = sum(table.num_rows for table in rows.tables(["id"]))
    ids: list[str] = []
    vectors = np.zeros((0, 1), dtype=np.float32)
    for table in rows.tables(["id", "embedding"]):
        column = table["embedding"].combine_chunks()
        # A vector that is null or empty is none.
        there = np.asarray(pc.fill_null(pc.list_value_length(column), 0)) > 0
        flat = np.asarray(pc.list_flatten(column), dtype=np.float32)
        if flat.size and vectors.shape[0] == 0:
            vectors = np.zeros((count, flat.size // int(there.sum())), dtype=np.float32)
        if flat.size:
            places = np.flatnonzero(there) + len(ids)
            vectors[places] = flat.reshape(len(places), vectors.shape[1])
        ids += table["id"].to_pylist()
    return ids, vectors if vectors.shape[0] else np.zeros((count, 1), dtype=np.float32)


def k_means(points: Vectors, clusters: int, seed: int) -> tuple[list[int], list[float]]:
    """The cluster of each point, and its squared distance from that cluster's centre.

    By FAISS, 20 iterations, the best of five starts; never more clusters than distinct points.

    Raises:
        RunError: a value so large that its square overflows float32, which ends FAISS's process.
    """
    if (largest := float(np.abs(points).max())) > _LARGEST:
        remedy = "Bring the values to a common size, such as unit length, before."
        raise RunError(f"clusters are made of values up to {_LARGEST:g}, not {largest:g}", remedy)
    # Copies of a point would each be a centre to begin with: they are one, of their weight.
    distinct, copies = np.unique(points, axis=0, return_counts=True)
    means = faiss.Kmeans(
        points.shape[1],
        min(clusters, len(distinct)),
        niter=20,
        nredo=5,
        seed=seed % 2**31,
        min_points_per_centroid=1,
    )
    means.train(distinct, weights=copies.astype(np.float32))
    distances, nearest = means.index.search(points, 1)
    return nearest[:, 0].tolist(), distances[:, 0].tolist()
