"""Count the characters and words of a text.

In:  {text: "Name three rivers."}
Out: {chars: 18, words: 3}; null without a text

Words are what stands between white space; in Chinese, Japanese or Thai go by characters.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage


class Length(RowStage):
    """`columns: {text: response, chars: response_length}` names both."""

    needs: ClassVar[tuple[str, ...]] = ("text",)
    adds: ClassVar[Columns] = {"chars": pa.int64(), "words": pa.int64()}

    @override
    def decide(self, row: Row) -> Fate:
        text = row["text"]
        if text is None:
            return Kept({"chars": None, "words": None})
        return Kept({"chars": len(text), "words": len(text.split())})
