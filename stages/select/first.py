"""Keep the first `rows` rows.

In:  rows
Out: the first of them; the others are dropped as select.enough

What `until: {accepted: 1000}` of a `rounds:` block ends with. First is a matter of place, rounds
before rounds, and not of time: a row that is made quickly gains nothing by it.
"""

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, SetStage, ShardReader


class First(SetStage):
    """Keeps all rows where there are no more than `rows`."""

    role: ClassVar[Role] = "select"
    uses_seed: ClassVar[bool] = False

    rows: int = Field(gt=0)

    @override
    def max_rows(self, rows: int) -> int:
        return min(rows, self.rows)

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in order."""
        count = 0
        for table in rows.tables(["id"]):
            for _ in range(table.num_rows):
                count += 1
                beyond = f"{self.rows} came before it"
                yield Kept() if count <= self.rows else Dropped("select.enough", beyond)
