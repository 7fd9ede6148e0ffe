"""Fill a template with a row's columns, without a model.

In:  {instruction: "Add 2 and 3.", response: "5", passes: true}
Out: {text: "Good: Add 2 and 3. 5"}

    - {use: annotate.template, template: "{{ 'Good' if passes else 'Bad' }}: {{ instruction }} …"}

For columns that a training script reads as one text: feedback before a solution, a condition
before a turn, several answers in one judge's prompt. Templates are Jinja, filled as prompts are:
a hole without a column is refused before the run begins.
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field, field_validator
from typing_extensions import override

import prompts
from stages.base import Columns, Fate, Kept, Row, RowStage


class Template(RowStage):
    """`columns: {text: …}` names the new column."""

    adds: ClassVar[Columns] = {"text": pa.string()}

    template: str = Field(min_length=1)

    @field_validator("template")
    @classmethod
    def _is_template(cls, template: str) -> str:
        prompts.holes(template)
        return template

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return prompts.holes(self.template)

    @override
    def decide(self, row: Row) -> Fate:
        return Kept({"text": prompts.fill(self.template, row)})
