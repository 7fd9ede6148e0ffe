"""Make a row of each of several text columns.

In:  {instruction: "Name a river.", first: "The Nile.", second: "No.", own: "The Po."}
Out: {instruction: …, response: "The Nile.", response_of: "first"}, … with `of: [first, second,
     own]`, children of one row, so a group

Answers that stand beside each other become rows that `judge`, `select.best` and `pair.scored` take:
SELM (arXiv:2405.19332) lets the model's own answer join a pair so. The columns end here; nulls
become no row, and a row of which all are null is dropped as mix.nothing.
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field, field_validator
from typing_extensions import override

from stages.base import Columns, Derived, Dropped, Failed, Fate, Role, Row, RowStage


class Unpivot(RowStage):
    """`columns: {response: …, response_of: …}` names what the texts and their columns go to."""

    role: ClassVar[Role] = "mix"
    cites: ClassVar[tuple[str, ...]] = ("selm",)
    adds: ClassVar[Columns] = {"response": pa.string(), "response_of": pa.string()}
    derives: ClassVar[bool] = True

    of: tuple[str, ...] = Field(min_length=2, max_length=100)
    """The text columns."""

    @field_validator("of")
    @classmethod
    def _distinct(cls, of: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(of)) < len(of):
            raise ValueError("a column stands there twice: its text would be two rows")
        return of

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return self.of

    @property
    @override
    def removes(self) -> tuple[str, ...]:
        return tuple(name for name in self.of if name not in self.adds)

    @override
    def max_rows(self, rows: int) -> int:
        return rows * len(self.of)

    @override
    def decide(self, row: Row) -> Fate:
        there = [name for name in self.of if row[name] is not None]
        if not there:
            return Dropped("mix.nothing")
        for name in there:
            if not isinstance(row[name], str):
                return Failed("mix.misfit", f"'{name}' is {row[name]!r:.60}, no text")
        return Derived(tuple({"response": row[name], "response_of": name} for name in there))
