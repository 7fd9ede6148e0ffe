"""The embedding column of a whole set as one matrix."""

import numpy as np

from stages.base import ShardReader

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def read_vectors(rows: ShardReader) -> tuple[list[str], Vectors]:
    """All ids and their unit vectors, float32 (rows, dimensions); 1.5 kB a row at 384.

    A row without a vector gets zeros: it is like no other row.
    """
    ids: list[str] = []
    vectors: list[list[float] | None] = []
    for table in rows.tables(["id", "embedding"]):
        ids += table["id"].to_pylist()
        vectors += table["embedding"].to_pylist()
    size = max((len(vector) for vector in vectors if vector), default=1)
    filled = [vector or [0.0] * size for vector in vectors]
    return ids, np.array(filled, dtype=np.float32).reshape(len(ids), size)
