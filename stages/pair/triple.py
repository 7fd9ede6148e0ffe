"""Take three answers out of a ranked set: one to imitate, one to prefer, one to reject.

In:  {responses: ["The Nile.", "The Po, I think.", "No."], scores: [4.4, 3.0, 1.2]}
Out: {reference: "The Nile.", chosen: "The Po, I think.", rejected: "No.", margin: 1.8}, or dropped
     as pair.too_few (under three answers) or pair.tie

The rows of triple preference optimisation (TPO, arXiv:2405.16681): the best answer is learned as it
is, the second against the last. `pair.ranked_set` puts the answers in order; where the second and
the last have the same score there is nothing to prefer.
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, Row, RowStage

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
        "margin": pa.float64(),
    }
    removes: ClassVar[tuple[str, ...]] = ("responses", "scores")

    @override
    def decide(self, row: Row) -> Fate:
        responses, scores = row["responses"] or [], row["scores"] or []
        if len(responses) < _THREE:
            return Dropped("pair.too_few", f"{len(responses)} of {_THREE}")
        margin = scores[1] - scores[-1]
        if margin == 0:
            return Dropped("pair.tie", f"{scores[1]:g}")
        taken = (responses[0], responses[1], responses[-1], margin)
        return Kept(dict(zip(self.adds, taken, strict=True)))
