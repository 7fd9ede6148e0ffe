"""Say whether a row's value of a column is one of some, or lies within bounds.

In:  {value: 2.5}
Out: {holds: true}; null where the value is null

    - {use: annotate.whether, columns: {value: disagreement, holds: disputed}, above: 1}

For stages that ask about some rows only (`when: disputed`); `filter.where` drops the others.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Failed, Fate, Kept, Row, RowStage
from stages.shared.condition import Condition


class Whether(Condition, RowStage):
    """All conditions that are given must hold."""

    needs: ClassVar[tuple[str, ...]] = ("value",)
    adds: ClassVar[Columns] = {"holds": pa.bool_()}

    @override
    def decide(self, row: Row) -> Fate:
        value = row["value"]
        if value is None:
            return Kept({"holds": None})
        if misfit := self.misfit(value):
            return Failed("annotate.misfit", misfit)
        return Kept({"holds": self.holds(value)})
