"""Divide rows by chance into parts of given shares, such as those for training and for a test.

In:  any row
Out: {part: "train"} or {part: "test"} with `parts: {train: 0.9, test: 0.1}`

Shares are kept to the row, and all rows are drawn from: the released code of weak-to-strong
(arXiv:2312.09390) draws its halves from the head of an unshuffled file.
Rows with the same `by` (such as `by: instruction`) go to one part, lest a test be seen in training;
shares are then of the distinct values.
"""

import random
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

import pyarrow as pa
from annotated_types import Gt
from pydantic import Field, field_validator
from typing_extensions import override

from stages.base import Columns, Fate, Kept, SetStage, ShardReader


class Part(SetStage):
    """`filter.where` with `columns: {value: part}` takes one of them."""

    cites: ClassVar[tuple[str, ...]] = ("weak-to-strong",)
    adds: ClassVar[Columns] = {"part": pa.string()}

    parts: Mapping[str, Annotated[float, Gt(0)]] = Field(min_length=2)
    """The share of each; together 1."""
    by: str | None = None
    """A column whose equal values stay together; a null is a value."""

    @field_validator("parts")
    @classmethod
    def _whole(cls, parts: Mapping[str, float]) -> Mapping[str, float]:
        if abs(sum(parts.values()) - 1) > 1e-6:
            raise ValueError("the shares of all parts together are 1")
        return parts

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return (self.by,) if self.by else ()

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        column = self.by or "id"
        keys = [repr(v) for table in rows.tables([column]) for v in table[column].to_pylist()]
        shuffled = list(dict.fromkeys(keys))
        random.Random(seed).shuffle(shuffled)
        part = dict(zip(shuffled, self._names(len(shuffled)), strict=True))
        yield from (Kept({"part": part[key]}) for key in keys)

    def _names(self, count: int) -> Iterable[str]:
        """So many of each name, in their order."""
        share = 0.0
        given = 0
        for name in sorted(self.parts):
            share += self.parts[name]
            until = round(share * count)
            yield from [name] * (until - given)
            given = until
