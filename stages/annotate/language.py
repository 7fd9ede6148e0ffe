"""Say in which language a text is.

In:  {instruction: "Nenne drei Flüsse."}
Out: {language: "de"}, an ISO 639-1 code; null for an empty text

The likeliest of the 97 languages of py3langid, which needs no download. Magpie's own column is
lingua's; on short texts any of them guesses.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.texts.language import likeliest_language


class Language(RowStage):
    """`columns: {instruction: response}` looks at another column."""

    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {"language": pa.string()}

    @override
    def decide(self, row: Row) -> Fate:
        text = (row["instruction"] or "").strip()
        return Kept({"language": likeliest_language(text) if text else None})
