"""Make a row of each item of a row's lists: the opposite of `mix.gather`.

In:  {instruction: "Name a river.", responses: ["The Nile.", "No."], ranks: [1.0, 2.0]}
Out: {instruction: …, response: "The Nile.", rank: 1.0} and {instruction: …, response: "No.", …}
     with `texts: {responses: response}, numbers: {ranks: rank}`, children of one row, so a group

A row's lists must be equally long (else it fails as mix.unequal); a row whose lists are empty or
null is dropped as mix.nothing. The lists end here.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

from stages.base import Columns, Derived, Dropped, Failed, Fate, Role, Row, RowStage


class Scatter(RowStage):
    """Items that are null stay null."""

    role: ClassVar[Role] = "mix"
    derives: ClassVar[bool] = True

    texts: Mapping[str, str] = Field(default_factory=dict)
    """Lists of texts, with the name of an item's column."""
    numbers: Mapping[str, str] = Field(default_factory=dict)
    """Lists of numbers, likewise."""
    most: int = Field(20, ge=1)
    """Items of a row at most; with more it fails as mix.too_many."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.texts and not self.numbers:
            raise ValueError("give `texts` or `numbers`: which lists become rows")
        names = [*self.texts.values(), *self.numbers.values()]
        if len(set(names)) < len(names):
            raise ValueError("two lists become the same column")
        return self

    @property
    def _lists(self) -> Mapping[str, str]:
        return {**self.texts, **self.numbers}

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return tuple(self._lists)

    @property
    @override
    def adds(self) -> Columns:
        texts = dict.fromkeys(self.texts.values(), pa.string())
        return {**texts, **dict.fromkeys(self.numbers.values(), pa.float64())}

    @property
    @override
    def removes(self) -> tuple[str, ...]:
        return tuple(self._lists)

    @override
    def max_rows(self, rows: int) -> int:
        return rows * self.most

    @override
    def decide(self, row: Row) -> Fate:
        lists = {name: row[column] or () for column, name in self._lists.items()}
        counts = {len(items) for items in lists.values()}
        if len(counts) > 1:
            return Failed("mix.unequal", str({name: len(items) for name, items in lists.items()}))
        if counts == {0}:
            return Dropped("mix.nothing")
        if (count := counts.pop()) > self.most:
            return Failed("mix.too_many", f"{count} items, {self.most} at most")
        items = zip(*lists.values(), strict=True)
        return Derived(tuple(dict(zip(lists, each, strict=True)) for each in items))
