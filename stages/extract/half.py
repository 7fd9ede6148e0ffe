"""Cut a text in two at a sentence's end near its middle.

In:  {text: "Cold slows it. Heat wakes it. It doubles. It falls."}
Out: {first_half: "Cold slows it. Heat wakes it.", second_half: "It doubles. It falls."}, or dropped
     as extract.one_sentence

Non-instructional data (arXiv:2409.00096): the first half is the input, a model's continuation the
target.
"""

import re
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Row, RowStage

_END = re.compile(r"[.!?…]['\")\]”’»]*\s+|[。！？][”’」』]*")


class Half(RowStage):
    """The cut that is nearest to the middle, counted in characters."""

    cites: ClassVar[tuple[str, ...]] = ("non-instructional",)
    needs: ClassVar[tuple[str, ...]] = ("text",)
    adds: ClassVar[Columns] = {"first_half": pa.string(), "second_half": pa.string()}

    @override
    def decide(self, row: Row) -> Fate:
        text = (row["text"] or "").strip()
        cuts = [found.end() for found in _END.finditer(text) if found.end() < len(text)]
        if not cuts:
            return Dropped("extract.one_sentence")
        cut = min(cuts, key=lambda place: abs(place - len(text) / 2))
        return Kept({"first_half": text[:cut].strip(), "second_half": text[cut:].strip()})
