"""Put the answer that several people prefer on the side of the chosen.

In:  {chosen: "No.", rejected: "The Nile.", votes: [2, 1, 2, -3]}, a vote for each annotator from -3
     (`chosen` is much better) to 3 (`rejected` is)
Out: {chosen: "The Nile.", rejected: "No.", strength: 2, exchanged: true, agreed_votes: [1, 2, 2]},
     or dropped as pair.few_votes (under three), pair.apart or pair.tie

HelpSteer2-Preference (arXiv:2410.01257): the three votes that are most alike count, unless they lie
more than `most_spread` apart; `strength` is their rounded mean without its sign, by which a scaled
Bradley-Terry loss weighs a pair. Where several triples are equally alike all of them count, so that
the same answers in the other order give the same pair.
"""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, Row, RowStage
from stages.shared.numbers import is_score

_ALIKE = 3


class Voted(RowStage):
    """`columns: {chosen: first, rejected: second}` names the answers as they come."""

    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("helpsteer2-preference",)
    needs: ClassVar[tuple[str, ...]] = ("chosen", "rejected", "votes")
    adds: ClassVar[Columns] = {
        "chosen": pa.string(),
        "rejected": pa.string(),
        "strength": pa.int64(),
        "exchanged": pa.bool_(),
        "agreed_votes": pa.list_(pa.float64()),
    }

    most_spread: float = Field(2, ge=0)
    """How far the three may lie apart."""

    @override
    def decide(self, row: Row) -> Fate:
        votes = sorted(vote for vote in row["votes"] or () if is_score(vote))
        if len(votes) < _ALIKE:
            return Dropped("pair.few_votes", f"{len(votes)} of {_ALIKE}")
        triples = _most_alike(votes)
        spread = triples[0][-1] - triples[0][0]
        if spread > self.most_spread:
            return Dropped("pair.apart", f"the nearest three lie {spread:g} apart")
        counted = [vote for triple in triples for vote in triple]
        # Halves go to the even number on both sides of 0, so that the sign alone changes.
        agreed = round(fmean(counted))
        if agreed == 0:
            return Dropped("pair.tie", str(counted))
        facts = {"strength": abs(agreed), "exchanged": agreed > 0, "agreed_votes": counted}
        if agreed > 0:
            facts |= {"chosen": row["rejected"], "rejected": row["chosen"]}
        return Kept(facts)


def _most_alike(votes: Sequence[float]) -> list[tuple[float, ...]]:
    """All different triples of the smallest spread, of sorted votes."""
    triples = sorted(set(combinations(votes, _ALIKE)))
    spread = min(triple[-1] - triple[0] for triple in triples)
    return [triple for triple in triples if triple[-1] - triple[0] == spread]
