"""Gather the rows that `rounds:` have left in several places.

In:  rows
Out: the same rows

A recipe that ends with rounds ends with this too, unasked, so that its dataset lies in one place.
"""

from typing import ClassVar

from typing_extensions import override

from stages.base import Fate, Kept, Role, Row, RowStage


class Pool(RowStage):
    """All rows, as they come."""

    role: ClassVar[Role] = "mix"

    @override
    def decide(self, row: Row) -> Fate:
        return Kept()
