"""Put the answer that several people prefer on the side of the chosen.

In:  {chosen: "No.", rejected: "The Nile.", votes: [2, 1, 2, -3]}, a vote for each annotator from -3
     (`chosen` is much better) to 3 (`rejected` is)
Out: {chosen: "The Nile.", rejected: "No.", strength: 2, exchanged: true, agreed_votes: [1, 2, 2]},
     or dropped as pair.few_votes (under three), pair.apart, pair.tie, or pair.same where the two
     answers are

HelpSteer2-Preference (arXiv:2410.01257): the three votes that are most alike count, unless they lie
more than `most_spread` apart; `strength` is their rounded mean without its sign, by which a scaled
Bradley-Terry loss weighs a pair. Where several triples are equally alike the votes of all of them
count, each once, so that the same answers in the other order give the same pair. `agreed_votes` are
those that count, as they came.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Failed, Fate, Kept, Role, Row, RowStage
from stages.shared.numbers import is_score

_ALIKE, _STRONGEST = 3, 3


class Voted(RowStage):
    """What is said of the two answers, such as `chosen_model`, does not move."""

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
        if (row["chosen"] or "").strip() == (row["rejected"] or "").strip():
            return Dropped("pair.same")
        given = [vote for vote in row["votes"] or () if vote is not None]
        for vote in given:
            if not is_score(vote) or abs(vote) > _STRONGEST:
                return Failed("pair.misfit", f"{vote!r:.60} is no vote from -3 to 3")
        votes = sorted(given)
        if len(votes) < _ALIKE:
            return Dropped("pair.few_votes", f"{len(votes)} of {_ALIKE}")
        counted = _most_alike(votes)
        spread = counted[-1] - counted[0]
        if spread > self.most_spread:
            return Dropped("pair.apart", f"those most alike lie {spread:g} apart")
        # Halves go to the even number on both sides of 0, so that the sign alone changes.
        agreed = round(fmean(counted))
        if agreed == 0:
            return Dropped("pair.tie", str(counted))
        facts = {"strength": abs(agreed), "exchanged": agreed > 0, "agreed_votes": counted}
        if agreed > 0:
            facts |= {"chosen": row["rejected"], "rejected": row["chosen"]}
        return Kept(facts)


def _most_alike(votes: Sequence[float]) -> list[float]:
    """Of sorted votes those that are in a triple of the smallest spread: neighbours in order."""
    starts = range(len(votes) - _ALIKE + 1)
    spread = min(votes[start + _ALIKE - 1] - votes[start] for start in starts)
    places = {
        place
        for start in starts
        if votes[start + _ALIKE - 1] - votes[start] == spread
        for place in range(start, start + _ALIKE)
    }
    return [votes[place] for place in sorted(places)]
