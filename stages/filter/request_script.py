"""Drop requests in Latin letters that slip into another script.

In:  {instruction: "Explain机器 learning."}
Out: the row as it is, or dropped as filter.other_script, "机器"

For requests that a model wrote. A person's may well hold such a word: "What does 平坦 mean?"
What `filter.script` takes as meant is meant here, too.
"""

from typing import ClassVar

from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage
from stages.shared.texts.scripts import is_about_language, slip


class RequestScript(RowStage):
    """Requests that speak of a language or its letters stay."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("instruction",)

    @override
    def decide(self, row: Row) -> Fate:
        request = row["instruction"] or ""
        word = "" if is_about_language(request) else slip(request)
        return Dropped("filter.other_script", word) if word else Kept()
