"""Drop answers in Latin letters that slip into another script.

In:  {instruction: "What do I need for a hike?", response: "A pair of平坦 boots."}
Out: the row as it is, or dropped as filter.other_script, "平坦"

Small models of several languages do this at high temperatures. Words in brackets or quotation
marks are meant: "Tokyo (東京)". So is what a request wants that holds such letters itself or
speaks of a language or its letters.
"""

from typing import ClassVar

from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage
from stages.shared.texts.scripts import has_other_letters, is_about_language, slip


class Script(RowStage):
    """Answers with as many other letters as Latin ones are in another language and stay."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")

    @override
    def decide(self, row: Row) -> Fate:
        request = row["instruction"] or ""
        if has_other_letters(request) or is_about_language(request):
            return Kept()
        word = slip(row["response"] or "")
        return Dropped("filter.other_script", word) if word else Kept()
