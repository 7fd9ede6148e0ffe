"""Drop answers that say the same whatever is asked.

In:  {instruction: "Name a river.", response: "As an excellent assistant I have thoroughly …"}, …
Out: rows as they are; dropped as dedup.answers, "92% stands in more than 3 other answers"

One constant answer wins public leaderboards of automatic judges (arXiv:2410.07137). Here an answer
counts as that if half of its runs of eight words stand in answers to more than `most` other
instructions; so a constant with a few words changed does too. Answers of under 20 words pass: a
"Yes." is right for many questions.

Of the runs of a long answer a quarter is looked at, chosen by its hash. How often each stands is
counted in 128 MB of cells, and which instruction had it in as many, whatever the number of rows.
Runs that share a cell count together: at a million answers of 200 words one in 2,000 seems shared,
at four million one in 20, still far from the half that is needed.
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import xxhash
from pydantic import Field
from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.texts.words import rouge_words

_RUN, _FEWEST, _ONE_OF, _ENOUGH = 8, 20, 4, 12
_CELLS = 2**27


class Answers(SetStage):
    """Reads the rows twice."""

    role: ClassVar[Role] = "dedup"
    cites: ClassVar[tuple[str, ...]] = ("null-model",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")

    most: int = Field(3, ge=1, le=200)
    """Answers to other instructions that may share what an answer says."""
    share: float = Field(0.5, gt=0, le=1)
    """Of an answer's runs of words, so many must be shared."""

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        told = np.zeros(_CELLS, dtype=np.uint8)
        seen = np.zeros(_CELLS, dtype=np.uint8)
        for table in rows.tables(["instruction", "response"]):
            for instruction, response in zip(*table.to_pydict().values(), strict=True):
                found = _cells(runs(response or ""))
                # Answers to one instruction are alike, and count once: a bit for each of its runs.
                asked = xxhash.xxh3_64_intdigest((instruction or "").encode("utf-8", "replace"))
                places = (found * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(asked)) % (8 * _CELLS)
                byte, bit = places // 8, (1 << (places % 8)).astype(np.uint8)
                new = found[seen[byte] & bit == 0]
                np.bitwise_or.at(seen, byte, bit)
                told[new] += told[new] < 255
        for table in rows.tables(["response"]):
            for response in table["response"].to_pylist():
                yield self._fate(runs(response or ""), told)

    def _fate(self, found: frozenset[int], told: np.ndarray) -> Fate:
        shared = int((told[_cells(found)] > self.most + 1).sum())
        if not found or shared < self.share * len(found):
            return Kept()
        share = f"{shared / len(found):.0%}"
        return Dropped("dedup.answers", f"{share} stands in more than {self.most} other answers")


def _cells(found: frozenset[int]) -> np.ndarray:
    """Where the runs are counted; the last bits are those that long texts' runs are chosen by."""
    return np.unique(np.fromiter(found, dtype=np.uint64) // _ONE_OF % _CELLS)


def runs(text: str) -> frozenset[int]:
    """Hashes of a sample of the text's runs of eight words; none of a short text."""
    words = rouge_words(text)
    if len(words) < _FEWEST:
        return frozenset()
    hashes = (
        xxhash.xxh3_64_intdigest(" ".join(words[i : i + _RUN]).encode())
        for i in range(len(words) - _RUN + 1)
    )
    every = frozenset(hashes)
    chosen = frozenset(each for each in every if each % _ONE_OF == 0)
    return chosen if len(chosen) >= _ENOUGH else every
