"""Put the answer that a judge of pairs prefers on the side of the chosen.

In:  {chosen: "No.", rejected: "The Nile.", preference: 0.1, preference_verdict: "rejected"}
Out: {chosen: "The Nile.", rejected: "No.", preference: 0.9, exchanged: true}

`judge.pair` says who wins and moves nothing: pairs that were made by grades (`pair.best_worst`) or
by how they came about (`pair.known`) stay as they are until this stage exchanges the sides of
those that the judge sees the other way round. `on_tie` says what becomes of ties, and of pairs
whose calls contradict each other: `drop` (as pair.tie and pair.inconsistent), or `prefer`, which
goes by the mean of all calls and drops what is exactly undecided.
"""

from typing import ClassVar, Literal

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, Row, RowStage


class Judged(RowStage):
    """What is said of the two answers, such as `chosen_score` or `chosen_model`, does not move."""

    role: ClassVar[Role] = "pair"
    needs: ClassVar[tuple[str, ...]] = ("chosen", "rejected", "preference", "preference_verdict")
    adds: ClassVar[Columns] = {
        "chosen": pa.string(),
        "rejected": pa.string(),
        "preference": pa.float64(),
        "exchanged": pa.bool_(),
    }

    on_tie: Literal["drop", "prefer"] = "drop"
    """What becomes of pairs that are a tie, or whose calls contradict each other."""

    @override
    def decide(self, row: Row) -> Fate:
        preference, verdict = row["preference"], row["preference_verdict"]
        if preference is None:
            return Dropped("pair.not_judged")
        if self.on_tie == "drop" and verdict in ("tie", "inconsistent"):
            return Dropped(f"pair.{verdict}", f"{preference:.3f}")
        if preference == 0.5:
            return Dropped("pair.tie", "0.500")
        if preference > 0.5:
            return Kept({"exchanged": False})
        sides = {"chosen": row["rejected"], "rejected": row["chosen"]}
        return Kept({**sides, "preference": 1 - preference, "exchanged": True})
