"""Make two pairs of one, each with the score that its chosen answer is to have.

In:  {chosen: "The Nile.", rejected: "A river.", chosen_score: 9, rejected_score: 3, margin: 6}
Out: the pair with {goal: 9}, and the pair with its sides exchanged, {goal: 3} and a margin of -6,
     children of it

Reward-augmented data (arXiv:2410.08067): a model that is told which score to reach learns from
rejected answers too. `goal` belongs into a system line of the prompt, which `system` writes:
`{goal}` in it is the score. The released script left the sides of the second as they were in one of
its variants; here they are exchanged, scores and all. Pairs whose scores say the contrary of their
sides are dropped as pair.contrary, equal scores as pair.tie.
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field, field_validator
from typing_extensions import override

from stages.base import Columns, Derived, Dropped, Fate, Role, Row, RowStage
from stages.shared.numbers import is_score

_SIDES = ("chosen", "rejected")


class RewardConditioned(RowStage):
    """Twice as many rows."""

    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("reward-augmented",)
    needs: ClassVar[tuple[str, ...]] = (*_SIDES, "chosen_score", "rejected_score", "margin")
    adds: ClassVar[Columns] = {
        **{name: pa.string() for name in _SIDES},
        **{f"{name}_score": pa.float64() for name in _SIDES},
        "margin": pa.float64(),
        "goal": pa.float64(),
        "system": pa.string(),
    }
    derives: ClassVar[bool] = True

    system: str = Field("Write an answer that deserves a score of {goal:.1f}.", pattern=r"\{goal")
    """The line that tells a model the score."""

    @field_validator("system")
    @classmethod
    def _fills(cls, system: str) -> str:
        try:
            system.format(goal=1.0)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"only {{goal}} can be filled in it ({error!r})") from None
        return system

    @override
    def max_rows(self, rows: int) -> int:
        return 2 * rows

    @override
    def decide(self, row: Row) -> Fate:
        high, low = row["chosen_score"], row["rejected_score"]
        if not is_score(high) or not is_score(low) or not row["chosen"] or not row["rejected"]:
            return Dropped("pair.missing")
        if high == low:
            return Dropped("pair.tie", f"{high:.4g}")
        if high < low:
            return Dropped("pair.contrary", f"{high:.4g} chosen, {low:.4g} rejected")
        return Derived(
            (self._told(row, "chosen", "rejected"), self._told(row, "rejected", "chosen"))
        )

    def _told(self, row: Row, chosen: str, rejected: str) -> Row:
        goal = row[f"{chosen}_score"]
        return {
            "chosen": row[chosen],
            "rejected": row[rejected],
            "chosen_score": goal,
            "rejected_score": row[f"{rejected}_score"],
            "margin": goal - row[f"{rejected}_score"],
            "goal": goal,
            "system": self.system.format(goal=goal),
        }
