"""Drop rows whose text was there before.

In:  {instruction: "Name three rivers."}, {instruction: "name  three rivers."}
Out: the first; the second is dropped as dedup.exact, "same as <id of the first>"

Texts are the same if they are after Unicode NFC, in lower case, with white space taken together.
Punctuation counts, because in code, mathematics and chess it is the text ("x > 3", "x < 3");
only its typographic forms are taken for the plain ones: “…” for "...", – for -.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import ClassVar

from stages.base import Dropped, Fate, Kept, Role, SetStage, ShardReader

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        "…": "...",
        # Seen by nobody and typed by no one: soft hyphen, zero-width space, word joiner, byte
        # order mark. The joiners of Indic and Arabic scripts and of emoji stay.
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff", ""),
    }
)


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


def key(text: str) -> bytes:
    """16 bytes that are equal for texts that count as the same."""
    plain = " ".join(text.translate(_PLAIN).lower().split())
    same = unicodedata.normalize("NFC", plain)
    return hashlib.blake2b(same.encode("utf-8", "surrogatepass"), digest_size=16).digest()
