"""Leave columns out that nothing needs any more.

In:  {instruction: "…", draft: "…"}
Out: {instruction: "…"}

    - {use: mix.without, names: [draft]}

For the columns of a trial before its winner goes on, and for rounds, whose rows have to have the
columns that the rows before have.
"""

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from stages.base import Fate, Kept, Role, Row, RowStage


class Without(RowStage):
    """A name that is no column is an error of the recipe."""

    role: ClassVar[Role] = "mix"

    names: tuple[str, ...] = Field(min_length=1)

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return self.names

    @property
    @override
    def removes(self) -> tuple[str, ...]:
        return self.names

    @override
    def decide(self, row: Row) -> Fate:
        return Kept()
