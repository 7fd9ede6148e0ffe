"""Drop rows whose text was there before.

In:  {instruction: "Name three rivers."}, {instruction: "name  three rivers."}
Out: the first; the second is dropped as dedup.exact, "same as <id of the first>"

Texts are the same after Unicode NFC, in lower case, with white space taken together and typographic
punctuation made plain; other punctuation counts (`stages/shared/texts/same.py`).
"""

from collections.abc import Iterable
from typing import ClassVar

from stages.base import Dropped, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.texts.same import key


class Exact(SetStage):
    """The first of several alike stays. Holds 16 bytes of hash and an id per distinct text."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "dedup"
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("instruction",)

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in order."""
        first: dict[bytes, str] = {}
        for table in rows.tables(["id", "instruction"]):
            ids, texts = table["id"].to_pylist(), table["instruction"].to_pylist()
            for row_id, text in zip(ids, texts, strict=True):
                earlier = row_id if text is None else first.setdefault(key(text), row_id)
                same = earlier != row_id
                yield Dropped("dedup.exact", f"same as {earlier}") if same else Kept()
