"""Put the rows of several chains together, as they come.

In:  {instruction: "…", response: "…"} of the chain `plain`, {instruction: "…"} of the chain `hot`
Out: {instruction: "…", response: "…", chain: "plain"}, {instruction: "…", response: null,
     chain: "hot"}

`{use: mix.concat, of: [plain, hot]}` begins a list of stages. A column that a chain does not have
is null in its rows. How many of each stay is said by `select.quota`.
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, Row, RowStage


class Concat(RowStage):
    """All rows of all chains."""

    role: ClassVar[Role] = "mix"
    needs: ClassVar[tuple[str, ...]] = ("chain",)
    adds: ClassVar[Columns] = {"chain": pa.string()}

    of: tuple[str, ...] = Field(min_length=1, max_length=100)
    """The chains' names in the recipe."""

    @property
    @override
    def joins(self) -> tuple[str, ...]:
        return self.of

    @override
    def decide(self, row: Row) -> Fate:
        return Kept()
