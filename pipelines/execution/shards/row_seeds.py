"""A row's own seed: what a stage draws by that treats rows unlike each other.

A stage that lists `seed` among what it needs finds it in each row, and nowhere else: it is
computed when the row is read and never stored.
"""

import hashlib
from collections.abc import Sequence

import pyarrow as pa

from pipelines.recipe.renaming import SEED


def with_seed(table: pa.Table, needs: Sequence[str], fingerprint: str) -> pa.Table:
    """`table` with a column `seed`, where it is needed: 31 bits of the fingerprint and the id.

    The fingerprint holds the run's seed and tells the rounds of a `repeat:` block apart.
    """
    if SEED not in needs:
        return table
    seeds = [_seed(fingerprint, row_id) for row_id in table["id"].to_pylist()]
    return table.append_column(SEED, pa.array(seeds, pa.int64()))


def _seed(fingerprint: str, row_id: str) -> int:
    digest = hashlib.sha256(f"{fingerprint} {row_id} row".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1
