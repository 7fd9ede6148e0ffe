"""Put the texts of a group into one row.

In:  {parents: [m], text: "first"}, {parents: [m], text: "second"}
Out: {texts: ["first", "second"]} for the first of them; the others are dropped as mix.gathered

A group are the rows with the same parents: what became of one method, one question, one passage.
Nulls are left out; a group without any text gets an empty list. The column `text` ends here: it
would be the first row's alone.
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, GroupStage, Kept, Role, Row


class Gather(GroupStage):
    """`columns: {text: …, texts: …}` names what is gathered."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "mix"
    removes: ClassVar[tuple[str, ...]] = ("text",)
    needs: ClassVar[tuple[str, ...]] = ("text",)
    adds: ClassVar[Columns] = {"texts": pa.list_(pa.string())}

    @override
    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        texts = [row["text"] for row in rows if row["text"] is not None]
        return [Kept({"texts": texts}), *(Dropped("mix.gathered") for _ in rows[1:])]
