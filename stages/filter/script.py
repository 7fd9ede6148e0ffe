"""Drop answers in Latin letters that slip into another script.

In:  {instruction: "What do I need for a hike?", response: "A pair of平坦 boots."}
Out: the row as it is, or dropped as filter.other_script, "平坦"

Small models of several languages do this at high temperatures. Words in brackets or quotation
marks are meant: "Tokyo (東京)". So is what a request wants that holds such letters itself or
speaks of a language or its letters.
"""

from typing import ClassVar

import regex
from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage

# Greek and Common letters are symbols in formulas: π, µ, ℵ.
_OTHER = regex.compile(r"[\p{L}--[\p{Latin}\p{Greek}\p{Common}\p{Inherited}]]+", regex.V1)
_MEANT = regex.compile(
    r"\([^()]{0,200}\)|\[[^\[\]]{0,200}\]|（[^（）]{0,200}）"
    r"|\"[^\"\n]{0,200}\"|“[^“”]{0,200}”|«[^«»]{0,200}»|「[^「」]{0,200}」|`[^`\n]{0,200}`"
)
_OF_LANGUAGE = regex.compile(
    r"\b(?:translat\w*|languages?|alphabets?|scripts?|characters?|letters?|unicode|pronounc\w*"
    r"|arabic|armenian|bengali|bulgarian|cantonese|chinese|georgian|hebrew|hindi|japanese|kanji"
    r"|korean|mandarin|marathi|persian|farsi|punjabi|russian|sanskrit|serbian|tamil|telugu|thai"
    r"|ukrainian|urdu)\b",
    regex.IGNORECASE,
)


class Script(RowStage):
    """Answers with as many other letters as Latin ones are in another language and stay."""

    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")

    @override
    def decide(self, row: Row) -> Fate:
        request, answer = row["instruction"] or "", row["response"] or ""
        if _OTHER.search(request) or _OF_LANGUAGE.search(request):
            return Kept()
        others = _OTHER.findall(_MEANT.sub(" ", answer))
        latin = regex.findall(r"\p{Latin}", answer)
        if others and sum(map(len, others)) < len(latin):
            return Dropped("filter.other_script", others[0])
        return Kept()
