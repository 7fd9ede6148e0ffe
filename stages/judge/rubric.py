"""Grade an answer from 1 to 5 by one question of your own.

In:  {instruction: "Name three rivers.", response: "The Nile, the Amazon and the Rhine."}
Out: {score: 4.02, score_mass: 0.991, score_model: "…"}

With several in a recipe each has a name and a column of its own:
`{use: judge.rubric, as: true_facts, rubric: "Is all of it true?", columns: {score: truth}}`.
"""

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from stages.base import Row
from stages.shared.graded import Graded


class Rubric(Graded):
    """Grades by one token."""

    prompts: ClassVar[tuple[str, ...]] = ("judge/rubric",)

    rubric: str = Field(min_length=1)
    """What 5 stands for, as a question or a sentence."""

    @override
    def words(self) -> Row:
        return {"rubric": self.rubric}
