"""Start from blank rows, for stages that need nothing but chance.

In:  nothing
Out: `rows` rows without columns

Which row is which is said by its seed alone: what follows draws by it, or samples.
"""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from stages.base import Fate, Kept, Role, Row, RowStage


class Blank(RowStage):
    """The same for every seed; what follows is not."""

    role: ClassVar[Role] = "source"

    rows: int = Field(gt=0)

    @override
    def initial_rows(self) -> Sequence[Row]:
        return [{}] * self.rows

    @override
    def decide(self, row: Row) -> Fate:
        return Kept()
