"""Drop rows whose text was there before.

In:  {instruction: "Name three rivers."}, {instruction: "name  three rivers"}
Out: the first; the second is dropped as dedup.exact, "same as <id of the first>"

Texts are the same if they are after Unicode NFKC, lower case, and without punctuation and white
space differences.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import ClassVar

from stages.base import Annotated, Dropped, Fate, Role, SetStage, ShardReader

_NOISE = re.compile(r"[\W_]+")


class Exact(SetStage):
    """The first of several alike stays. Holds 16 bytes of hash and an id per distinct text."""

    role: ClassVar[Role] = "dedup"

    column: str = "instruction"

    @property
    def draws(self) -> bool:  # noqa: D102
        return False

    @property
    def needs(self) -> tuple[str, ...]:  # noqa: D102
        return (self.column,)

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in order."""
        first: dict[bytes, str] = {}
        for table in rows.tables(["id", self.column]):
            ids, texts = table["id"].to_pylist(), table[self.column].to_pylist()
            for row_id, text in zip(ids, texts, strict=True):
                earlier = row_id if text is None else first.setdefault(key(text), row_id)
                same = earlier != row_id
                yield Dropped("dedup.exact", f"same as {earlier}") if same else Annotated()


def key(text: str) -> bytes:
    """16 bytes that are equal for texts that count as the same."""
    plain = _NOISE.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()
    # A text of punctuation alone has no words to compare: it is compared as it stands.
    return hashlib.blake2b(
        (plain or text).encode("utf-8", "surrogatepass"), digest_size=16
    ).digest()
