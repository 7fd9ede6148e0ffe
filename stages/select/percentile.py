"""Say where a row's number stands among those of all rows.

In:  {value: 4.0} among 1.0, 2.0, 4.0 and 9.0
Out: {percentile: 0.625}: half of the rows lie below, and the row itself counts for half

From just above 0 for the lowest to just below 1 for the highest; equal numbers share the middle of
their places, so that the mean over all rows is a half. `columns: {value: likelihood}` names the
number. Bounds on a percentile (`filter.where`) cut halves and bands without knowing the numbers:
SFTMix (arXiv:2410.05248) parts rows at the median of a model's confidence. Null where there is no
finite number.
"""

from collections.abc import Iterable
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, SetStage, ShardReader
from stages.shared.numbers import average_ranks, is_score


class Percentile(SetStage):
    """Over all rows."""

    uses_seed: ClassVar[bool] = False
    cites: ClassVar[tuple[str, ...]] = ("sftmix",)
    needs: ClassVar[tuple[str, ...]] = ("value",)
    adds: ClassVar[Columns] = {"percentile": pa.float64()}

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        values = [value for table in rows.tables(["value"]) for value in table["value"].to_pylist()]
        known = [float(value) for value in values if is_score(value)]
        ranks = iter(average_ranks(known).tolist())
        for value in values:
            place = (next(ranks) - 0.5) / len(known) if is_score(value) else None
            yield Kept({"percentile": place})
