r"""Check whether a text has a form: JSON by a schema, or a regular expression.

In:  {response: '{"author": "Goethe"}'}
Out: {follows: true}; false for no text

    - {use: verify.form, pattern: '\d{4}-\d{2}-\d{2}'}

For answers that were left free, or come from elsewhere; `generate.structured` holds a model to the
form. Rows are marked, not dropped.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.errors import ReplyError
from stages.shared.checks.form_check import FormCheck


class Form(FormCheck, RowStage):
    """The whole text has to have the form, white space around it included for a `pattern`."""

    needs: ClassVar[tuple[str, ...]] = ("response",)
    adds: ClassVar[Columns] = {"follows": pa.bool_()}

    @override
    def decide(self, row: Row) -> Fate:
        text = row["response"]
        return Kept({"follows": text is not None and self._fits(text)})

    def _fits(self, text: str) -> bool:
        try:
            # What it would be written as again, because of a raw newline in a string, is no JSON.
            return self.fitted(text) == text
        except ReplyError:
            return False
