"""Take three answers out of a ranked set: one to imitate, one to prefer, one to reject.

In:  {responses: ["The Nile.", "The Po, I think.", "No."], scores: [4.4, 3.0, 1.2]}
Out: {reference: "The Nile.", chosen: "The Po, I think.", rejected: "No.", reference_score: 4.4,
     chosen_score: 3.0, rejected_score: 1.2, margin: 1.8}, or dropped as pair.too_few (under three
     answers) or pair.tie; failed as pair.misfit where the lists are no ranked set

The rows of triple preference optimisation (TPO, arXiv:2405.16681): the best answer is learned as it
is, the second against the last. `pair.ranked_set` puts the answers in order; where the second and
the last have the same score there is nothing to prefer. `margin` is that of chosen and rejected;
the row's other columns, such as `response` and `score`, are the reference's.
"""

from itertools import pairwise
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Failed, Fate, Kept, Role, Row, RowStage
from stages.shared.numbers import is_score

_THREE = 3


class Triple(RowStage):
    """The lists end here."""

    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("tpo",)
    needs: ClassVar[tuple[str, ...]] = ("responses", "scores")
    adds: ClassVar[Columns] = {
        "reference": pa.string(),
        "chosen": pa.string(),
        "rejected": pa.string(),
        "reference_score": pa.float64(),
        "chosen_score": pa.float64(),
        "rejected_score": pa.float64(),
        "margin": pa.float64(),
    }
    removes: ClassVar[tuple[str, ...]] = ("responses", "scores")

    @override
    def decide(self, row: Row) -> Fate:
        responses, scores = row["responses"] or [], row["scores"] or []
        if len(responses) != len(scores) or not all(map(is_score, scores)):
            return Failed("pair.misfit", f"{len(responses)} answers, scores {scores}"[:80])
        if any(before < after for before, after in pairwise(scores)):
            return Failed("pair.misfit", f"the best does not come first: {scores}"[:80])
        if len(responses) < _THREE:
            return Dropped("pair.too_few", f"{len(responses)} of {_THREE}")
        best, second, last = scores[0], scores[1], scores[-1]
        if second == last:
            return Dropped("pair.tie", f"{second:g}")
        taken = (responses[0], responses[1], responses[-1], best, second, last, second - last)
        return Kept(dict(zip(self.adds, taken, strict=True)))
