"""Check whether an answer keeps the constraint that its request had.

In:  {response: "The Nile.", constraint_id: "at_most_words:40"}
Out: {follows: true}

Strictly, as IFEval's strict accuracy: nothing is taken off the answer first. An empty answer keeps
no constraint; a row without a constraint is null.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Failed, Fate, Kept, Row, RowStage
from stages.shared.texts.checkable import holds


class Constraint(RowStage):
    """`columns: {response: …}` checks another column."""

    version: ClassVar[int] = 2
    cites: ClassVar[tuple[str, ...]] = ("ifeval",)
    needs: ClassVar[tuple[str, ...]] = ("response", "constraint_id")
    adds: ClassVar[Columns] = {"follows": pa.bool_()}

    @override
    def decide(self, row: Row) -> Fate:
        if row["constraint_id"] is None:
            return Kept({"follows": None})
        try:
            return Kept({"follows": holds(row["constraint_id"], row["response"] or "")})
        except ValueError as error:
            return Failed("verify.constraint", str(error))
