"""Drop texts that are too short, too long, or hold certain words.

In:  {text: "Draw a graph of this file."}
Out: the row as it is, or dropped as filter.few_words, filter.many_words, or filter.word, "graph"

`columns: {text: instruction}` names the column. Self-Instruct (arXiv:2212.10560) keeps 4 to 150
words and none of: image, images, graph, graphs, picture, pictures, file, files, map, maps, draw,
plot, "go to"; what a model that reads and writes text alone cannot do.
"""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints
from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage
from stages.shared.texts.words import count_words, has_word


class Words(RowStage):
    """A null has no words. Words are whole ones, whatever their case (`shared/texts/words.py`)."""

    role: ClassVar[Role] = "filter"
    cites: ClassVar[tuple[str, ...]] = ("self-instruct",)
    needs: ClassVar[tuple[str, ...]] = ("text",)

    at_least: int = Field(1, ge=0)
    at_most: int | None = Field(None, ge=1)
    without: tuple[Annotated[str, StringConstraints(pattern=r"\S")], ...] = ()

    @override
    def decide(self, row: Row) -> Fate:
        text = row["text"] or ""
        count = count_words(text)
        if count < self.at_least:
            return Dropped("filter.few_words", f"{count}")
        if self.at_most is not None and count > self.at_most:
            return Dropped("filter.many_words", f"{count}")
        for word in self.without:
            if has_word(text, word):
                return Dropped("filter.word", word)
        return Kept()
