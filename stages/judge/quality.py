"""Grade an answer from 1 to 5.

In:  {instruction: "Name three rivers.", response: "The Nile, the Amazon and the Rhine."}
Out: {score: 4.31, score_mass: 0.998, score_model: "…", score_by: "logprobs", …}
"""

from typing import ClassVar

from stages.shared.judging.graded import Graded


class Quality(Graded):
    """Grades by one token."""

    prompts: ClassVar[tuple[str, ...]] = ("judge/quality",)
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")
