"""A stage that begins a dataset with the rows of a file: the part that all such sources share."""

import sys
from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field
from typing_extensions import override

from stages.base import Fate, Kept, Role, Row, RowStage
from stages.shared.row_file import RelativePath, count_rows, digest, read_rows


class FileSource(RowStage):
    """The first `rows` rows of the file, or all. The file's content decides, not its path."""

    role: ClassVar[Role] = "source"

    path: RelativePath
    """Of the file, from the recipe's own folder."""
    rows: int | None = Field(None, gt=0)
    """How many are taken, from the first on; default: all."""

    def row(self, given: dict[str, Any], position: int) -> Row:
        """The columns of one row of the file, which is the `position`th from 1.

        Raises:
            UserError: it is not what it should be; the message names the row.
        """
        raise NotImplementedError

    @override
    def initial_rows(self) -> Iterator[Row]:
        for position, given in enumerate(read_rows(self.path, self.rows), 1):
            yield self.row(given, position)

    @override
    def count_initial_rows(self) -> int:
        # A wrong column is found here, before anything runs.
        next(self.initial_rows(), None)
        return min(self.rows or sys.maxsize, count_rows(self.path))

    @override
    def identity(self) -> Row:
        return {"file": digest(self.path)}

    @override
    def decide(self, row: Row) -> Fate:
        return Kept()
