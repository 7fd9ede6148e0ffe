"""Start from your own documents, cut into passages.

In:  a file or a folder of `.md`, `.txt`, `.html` and `.pdf` files
Out: {passage: "A sourdough starter is …", heading: "Feeding", document: "bread.md", position: 0}

Passages end where paragraphs do; short ones under one heading are joined. A folder is read in the
order of its names, sub-folders included; files of other kinds are left alone. What documents say
and how they are called within it decides, not where it lies.
"""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, Row, RowStage
from stages.errors import UserError
from stages.shared.row_file import RelativePath
from stages.shared.texts.documents import READERS, paragraphs, passages


class Documents(RowStage):
    """Lengths are in words."""

    role: ClassVar[Role] = "source"
    adds: ClassVar[Columns] = {
        "passage": pa.string(),
        "heading": pa.string(),
        "document": pa.string(),
        "position": pa.int64(),
    }

    path: RelativePath
    """Of the file or folder, from the recipe's own folder."""
    least: int = Field(30, ge=1)
    """Passages of fewer words are left out."""
    most: int = Field(200, ge=10)
    """Where a passage is cut at the latest."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least > self.most:
            raise ValueError("`least` is more than `most`: no passage is so long")
        return self

    @override
    def initial_rows(self) -> Iterator[Row]:
        if not (files := self._files()):
            cause = f"there are no documents at {self.path}"
            raise UserError(cause, f"It reads {', '.join(READERS)}.")
        for path in files:
            found = passages(paragraphs(path), self.least, self.most)
            for position, (heading, text) in enumerate(found):
                facts = {"document": self._name(path), "position": position}
                yield {"passage": text, "heading": heading, **facts}

    @cached_property
    def _count(self) -> int:
        return sum(1 for _ in self.initial_rows())

    @override
    def count_initial_rows(self) -> int:
        return self._count

    @override
    def identity(self) -> Row:
        return {self._name(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in self._files()}

    @override
    def decide(self, row: Row) -> Fate:
        return Kept()

    def _name(self, path: Path) -> str:
        return path.name if path == self.path else path.relative_to(self.path).as_posix()

    def _files(self) -> list[Path]:
        """The documents, in the order of their names."""
        found = [self.path] if self.path.is_file() else sorted(self.path.rglob("*"))
        return [path for path in found if path.suffix.lower() in READERS and path.is_file()]
