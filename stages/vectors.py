"""The embedding column of a whole set as one matrix."""

import numpy as np

from stages.base import ShardReader

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def read_vectors(rows: ShardReader) -> tuple[list[str], Vectors]:
    """All ids and their unit vectors, float32 (rows, dimensions); 1.5 kB a row at 384."""
    ids: list[str] = []
    blocks = []
    for table in rows.tables(["id", "embedding"]):
        ids += table["id"].to_pylist()
        if table.num_rows:
            blocks.append(np.array(table["embedding"].to_pylist(), dtype=np.float32))
    vectors = np.concatenate(blocks) if blocks else np.zeros((0, 1), dtype=np.float32)
    return ids, np.ascontiguousarray(vectors)
