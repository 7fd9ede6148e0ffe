"""Drop rows whose words are too much like those of a row that is kept.

In:  {instruction: "Name three rivers."}
Out: {nearest_rouge: 0.41}: the highest ROUGE-L with a row before it, null for none, or dropped as
     dedup.rouge, "ROUGE-L 0.86 with <id>"

Self-Instruct's filter (arXiv:2212.10560): F1 of the longest common subsequence of words, above 0.7
the later row goes. Compared are the rows that were kept, and all rows of the chains in `against`;
within `rounds:` also `pool`. Words are lower-case runs of a-z and 0-9 as in Google's `rouge_score`;
letters of other scripts are a word each, where that library sees nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.texts.words import rouge_words

_BLOCK = 256
_FIRST = 0x10000
"""Words are written as one character each, from here on: no surrogates are behind it."""


class Rouge(SetStage):
    """Greedy: of a~b~c the rows a and c stay."""

    role: ClassVar[Role] = "dedup"
    cites: ClassVar[tuple[str, ...]] = ("self-instruct",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {"nearest_rouge": pa.float64()}

    threshold: float = Field(0.7, gt=0, lt=1)
    """Above it two rows are the same."""
    against: tuple[str, ...] = ()
    """Chains of the recipe whose rows count as kept; in `rounds:` also `pool`."""

    @property
    @override
    def reads(self) -> Mapping[str, Sequence[str]]:
        return dict.fromkeys(self.against, self.needs)

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        words = _Words()
        kept = [row for name in self.against for row in words.read(rows.chain(name))]
        given = words.read(rows)
        for start in range(0, len(given), _BLOCK):
            block = given[start : start + _BLOCK]
            before = _rouge(block, kept)
            within = _rouge(block, block)
            new: list[int] = []
            for i in range(len(block)):
                scores = [*before[i], *within[i, new]]
                place = int(np.argmax(scores)) if scores else -1
                if scores and scores[place] > self.threshold:
                    like = (kept + [block[n] for n in new])[place][0]
                    yield Dropped("dedup.rouge", f"ROUGE-L {scores[place]:.2f} with {like}")
                else:
                    new.append(i)
                    yield Kept({"nearest_rouge": float(scores[place]) if scores else None})
            kept += [block[n] for n in new]


class _Words:
    """Texts as strings of one character a word, so that sequences are compared in C."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def read(self, rows: ShardReader) -> list[tuple[str, str]]:
        """(id, text) of each row."""
        found = [row for t in rows.tables(["id", "instruction"]) for row in t.to_pylist()]
        return [(row["id"], self._written(row["instruction"] or "")) for row in found]

    def _written(self, text: str) -> str:
        known = self._letters
        words = rouge_words(text)
        return "".join(known.setdefault(word, chr(_FIRST + len(known))) for word in words)


def _rouge(rows: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]) -> np.ndarray:
    """ROUGE-L's F1 of each of `rows` with each of `others`; 0 where one has no words."""
    if not others:
        return np.zeros((len(rows), 0))
    common = cdist([r for _, r in rows], [o for _, o in others], scorer=LCSseq.similarity)
    lengths = np.array([len(r) for _, r in rows])[:, None] + np.array([len(o) for _, o in others])
    scores: np.ndarray = 2.0 * common / np.maximum(lengths, 1)
    return scores
