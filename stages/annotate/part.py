"""Divide rows into parts of given shares, such as those for training and for a test.

In:  any row
Out: {part: "train"} or {part: "test"} with `parts: {train: 0.9, test: 0.1}`

A row's part is made of a hash of it, so that a row stays in its part when others come or go, and
whichever come first have no say: the released code of weak-to-strong (arXiv:2312.09390) draws its
halves from the head of an unshuffled file. Shares are kept as chance keeps them: of 1,000 rows 90 %
are 870 to 930. Rows with the same `by` (`by: instruction`) go to one part, lest a test be seen in
training; texts are the same whatever their case and white space, as in `dedup.exact`. `export`
writes each part as a split of its own.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import pyarrow as pa
from annotated_types import Gt
from pydantic import Field, StringConstraints, field_validator
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.texts.same import key

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Part(RowStage):
    """`filter.where` with `columns: {value: part}` takes one of them."""

    cites: ClassVar[tuple[str, ...]] = ("weak-to-strong",)
    adds: ClassVar[Columns] = {"part": pa.string()}

    parts: Mapping[_Name, Annotated[float, Gt(0)]] = Field(min_length=2)
    """The share of each; together 1."""
    by: str = "id"
    """A column whose equal values stay together; a null is a value."""

    @field_validator("parts")
    @classmethod
    def _whole(cls, parts: Mapping[str, float]) -> Mapping[str, float]:
        if abs(sum(parts.values()) - 1) > 1e-6:
            raise ValueError(f"the shares add up to {sum(parts.values()):g}, and not to 1")
        return parts

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return () if self.by == "id" else (self.by,)

    @override
    def decide(self, row: Row) -> Fate:
        value = row[self.by]
        place = int.from_bytes(key(value if isinstance(value, str) else repr(value))[:7]) / 2**56
        until = 0.0
        for name in sorted(self.parts):
            until += self.parts[name]
            if place < until:
                return Kept({"part": name})
        return Kept({"part": name})  # rounding may leave the last share a hair below 1
