"""Say something of a row by the value of one of its columns.

In:  {response_model: "gpt-4"}
Out: {condition: "GPT4", weight: 1.0} with `texts: {condition: {gpt-4: GPT4, gpt-3.5: GPT3}},
     numbers: {weight: {gpt-4: 1.0, gpt-3.5: 0.1}}`; a value that is not listed gets nulls

Classes of sources with their weights, as OpenChat's (arXiv:2309.11235): what a strong and what a
weaker model wrote is told apart by a condition, and counts differently.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.numbers import as_written


class Lookup(RowStage):
    """`columns: {value: response_model}` names the column."""

    version: ClassVar[int] = 2
    cites: ClassVar[tuple[str, ...]] = ("openchat",)
    needs: ClassVar[tuple[str, ...]] = ("value",)

    texts: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    """By new column: the text for each value."""
    numbers: Mapping[str, Mapping[str, float]] = Field(default_factory=dict)
    """Likewise for numbers."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.texts and not self.numbers:
            raise ValueError("give `texts` or `numbers`: what each value means")
        if both := self.texts.keys() & self.numbers.keys():
            raise ValueError(f"'{min(both)}' is a text and a number")
        return self

    @property
    @override
    def adds(self) -> Columns:
        texts = dict.fromkeys(self.texts, pa.string())
        return {**texts, **dict.fromkeys(self.numbers, pa.float64())}

    @override
    def decide(self, row: Row) -> Fate:
        value = row["value"]
        known = {**self.texts, **self.numbers}
        return Kept({name: values.get(as_written(value)) for name, values in known.items()})
