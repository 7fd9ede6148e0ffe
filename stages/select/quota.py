"""Keep at most so many rows of each kind.

In:  {chain: "hot"}
Out: so many of each chain as `quotas` says, drawn by the seed; the others are dropped as
     select.over_quota, those of a chain without a quota as select.no_quota

`columns: {chain: task_category}` has quotas for another column. A chain that has fewer gives all.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

from annotated_types import Ge
from pydantic import Field
from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.numbers import as_written


class Quota(SetStage):
    """A draw without replacement for each value of the column."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "select"
    needs: ClassVar[tuple[str, ...]] = ("chain",)

    quotas: Mapping[str, Annotated[int, Ge(0)]] = Field(min_length=1)
    """By the value of the column `chain`, how many stay; a number or truth value as a
    recipe writes it (4, true)."""

    @override
    def max_rows(self, rows: int) -> int:
        return min(rows, sum(self.quotas.values()))

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in order."""
        found = [v for table in rows.tables(["chain"]) for v in table["chain"].to_pylist()]
        values = [None if value is None else as_written(value) for value in found]
        places = defaultdict(list)
        for place, value in enumerate(values):
            places[value].append(place)
        kept: set[int] = set()
        for value, quota in self.quotas.items():
            there = places[value]
            draw = random.Random(f"{seed} {value}")
            kept.update(draw.sample(there, min(quota, len(there))))
        for place, value in enumerate(values):
            if place in kept:
                yield Kept()
            elif value is not None and value in self.quotas:
                detail = f"{self.quotas[value]} of {len(places[value])} rows of {value} are drawn"
                yield Dropped("select.over_quota", detail)
            else:
                yield Dropped("select.no_quota", f"{value}")
