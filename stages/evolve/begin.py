"""Put instructions into the pool that `repeat:` evolves.

In:  {instruction: "Name three rivers.", response: "…"}
Out: {generation: 0, operator: "seed", evolving: true}
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from stages.base import Columns, Fate, Kept, TableStage


class Begin(TableStage):
    """Generation 0: every row is to be evolved in the first round."""

    cites: ClassVar[tuple[str, ...]] = ("wizardlm",)

    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {
        "generation": pa.int64(),
        "operator": pa.string(),
        "evolving": pa.bool_(),
    }

    def apply(self, table: pa.Table) -> Sequence[Fate]:
        """All alike."""
        return [Kept({"generation": 0, "operator": "seed", "evolving": True})] * table.num_rows
