"""Put pairs in the order of a curriculum: those far apart first.

In:  {margin: 2.3}, {margin: 0.4}, {margin: 1.1}
Out: {curriculum: 1}, {curriculum: 3}, {curriculum: 2} with `parts: 3`; null without a margin

Curry-DPO (arXiv:2403.07230) trains on easy pairs first, in stages: `curriculum` is the number of a
pair's stage, from 1. Stages are equally large, up to one pair; of equal margins the earlier first.
"""

from collections.abc import Iterable
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.numbers import is_score


class Curriculum(SetStage):
    """No row is moved: sort by the column, or train on one part after the other."""

    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("curry-dpo",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("margin",)
    adds: ClassVar[Columns] = {"curriculum": pa.int64()}

    parts: int = Field(3, ge=1)

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        margins = [m for table in rows.tables(["margin"]) for m in table["margin"].to_pylist()]
        known = [i for i, margin in enumerate(margins) if is_score(margin)]
        ranked = sorted(known, key=lambda i: -margins[i])
        part = {row: place * self.parts // len(ranked) + 1 for place, row in enumerate(ranked)}
        for i in range(len(margins)):
            yield Kept({"curriculum": part.get(i)})
