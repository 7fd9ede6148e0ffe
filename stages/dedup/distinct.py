"""Say how varied the wording of the texts of one kind is.

In:  {text: "a river", group: "q"}, {text: "a river", group: "q"}, {text: "the sea", group: "q"}
Out: {distinct: 0.67}, for each text of the group

Expectation-adjusted distinct n-grams: N / (V (1 - ((V - 1) / V)^C)), which is the number of
different n-grams over the number that as many (C) drawn evenly from a vocabulary of V would give;
so that long texts are not called less varied than short ones (arXiv:2202.13587). The mean over n
from 1 to 5, with V 50,257, over all texts of a group together: `columns: {group: instruction}` for
the answers to each request, `{group: sample}` for a sample's answers to all requests (both in
arXiv:2310.06452). It passes 1 where long n-grams repeat less than even words would. Words are runs
of letters and digits, whatever their case, and each character of Chinese. Null without a group, or
where its texts have no words.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from math import expm1, log1p
from statistics import fmean
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, SetStage, ShardReader
from stages.shared.groups import by_group
from stages.shared.texts.words import plain_words

_VOCABULARY = 50_257
_LONGEST = 5


class Distinct(SetStage):
    """`columns: {text: response, group: instruction}`."""

    uses_seed: ClassVar[bool] = False
    cites: ClassVar[tuple[str, ...]] = ("rlhf-diversity", "ead")
    needs: ClassVar[tuple[str, ...]] = ("text", "group")
    adds: ClassVar[Columns] = {"distinct": pa.float64()}

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        seen: dict[str, list[set[int]]] = defaultdict(lambda: [set() for _ in range(_LONGEST)])
        counts: dict[str, list[int]] = defaultdict(lambda: [0] * _LONGEST)
        for group, text in by_group(rows, "text"):
            if group is None or text is None:
                continue
            words = plain_words(unicodedata.normalize("NFC", text).lower())
            for length in range(1, _LONGEST + 1):
                grams = zip(*(words[start:] for start in range(length)), strict=False)
                # A hash each: the texts of all rows would not fit.
                seen[group][length - 1].update(map(hash, grams))
                counts[group][length - 1] += max(0, len(words) - length + 1)
        found = {group: _mean(seen[group], counts[group]) for group in seen}
        for group, _ in by_group(rows, "text"):
            yield Kept({"distinct": None if group is None else found.get(group)})


def _mean(seen: list[set[int]], counts: list[int]) -> float | None:
    """Of the lengths that the texts have n-grams of."""
    there = [(len(found), count) for found, count in zip(seen, counts, strict=True) if count]
    return fmean(found / _expected(count) for found, count in there) if there else None


def _expected(count: int) -> float:
    """How many of a vocabulary `count` even draws hit."""
    return -_VOCABULARY * expm1(count * log1p(-1 / _VOCABULARY))
