"""Put instructions into the pool that `repeat:` evolves.

In:  {instruction: "Name three rivers.", response: "…"}
Out: {generation: 0, operator: "seed", evolving: true}
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage


class Begin(RowStage):
    """Generation 0: every row is to be evolved in the first round."""

    cites: ClassVar[tuple[str, ...]] = ("wizardlm",)

    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {
        "generation": pa.int64(),
        "operator": pa.string(),
        "evolving": pa.bool_(),
    }

    @override
    def decide(self, row: Row) -> Fate:
        return Kept({"generation": 0, "operator": "seed", "evolving": True})
