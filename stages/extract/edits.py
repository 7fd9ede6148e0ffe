"""Write a text's revision as the edits that lead to it.

In:  {text: "He go to school.", target: "He goes to the school."}
Out: {edits: [{start: 3, end: 5, text: "goes"}, {start: 8, end: 8, text: " the"}], edit_share: 0.26}

Each edit puts `text` in the place of the characters from `start` to `end` of the text as it was;
made from the last to the first they give the target exactly. A model that learns to write the edits
alone writes much less where little changes (arXiv:2305.11862). Words, white space and marks are
never cut in two, and edits never touch. `edit_share` is the share of both texts that is taken out
or put in; null where both are empty. Nulls where a text is null.
"""

from typing import ClassVar

import pyarrow as pa
from rapidfuzz.distance import Levenshtein
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.texts.words import parts

_EDIT = {"start": pa.int64(), "end": pa.int64(), "text": pa.string()}


class Edits(RowStage):
    """`columns: {text: draft, target: revised}`."""

    cites: ClassVar[tuple[str, ...]] = ("edit-spans",)
    needs: ClassVar[tuple[str, ...]] = ("text", "target")
    adds: ClassVar[Columns] = {"edits": pa.list_(pa.struct(_EDIT)), "edit_share": pa.float64()}

    @override
    def decide(self, row: Row) -> Fate:
        text, target = row["text"], row["target"]
        if text is None or target is None:
            return Kept(dict.fromkeys(self.adds))
        before, after = parts(text), parts(target)
        places = [0]
        for part in before:
            places.append(places[-1] + len(part))
        spans: list[tuple[int, int]] = []
        texts: list[str] = []
        for step in Levenshtein.opcodes(before, after):
            start, end = places[step.src_start], places[step.src_end]
            new = "".join(after[step.dest_start : step.dest_end])
            if step.tag == "equal":
                continue
            if spans and spans[-1][1] == start:
                spans[-1], texts[-1] = (spans[-1][0], end), texts[-1] + new
            else:
                spans.append((start, end))
                texts.append(new)
        edits = [
            {"start": start, "end": end, "text": new}
            for (start, end), new in zip(spans, texts, strict=True)
        ]
        changed = sum(end - start for start, end in spans) + sum(map(len, texts))
        whole = len(text) + len(target)
        return Kept({"edits": edits, "edit_share": changed / whole if whole else None})
