"""Grade an answer by one criterion of your own.

In:  {instruction: "Name three rivers.", response: "The Nile, the Amazon and the Rhine."}
Out: {score: 4.02, score_mass: 0.991, score_model: "…", score_by: "logprobs", …}

With several in a recipe each has a name and a column of its own:
`{use: judge.rubric, as: true_facts, rubric: "Is all of it true?", columns: {score: truth}}`.

`levels` describes each grade and `with_reference` shows the judge an answer that deserves the
highest one, as Prometheus' rubrics do (arXiv:2405.01535); `scale: [0, 4]` is HelpSteer's.
"""

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from stages.base import Row
from stages.shared.judging.graded import Graded
from stages.shared.judging.scale import Scale


class Rubric(Scale, Graded):
    """Grades by one token."""

    prompts: ClassVar[tuple[str, ...]] = ("judge/rubric",)
    cites: ClassVar[tuple[str, ...]] = ("deita", "prometheus2")

    rubric: str = Field(min_length=1)
    """What the highest grade stands for, as a question or a sentence."""
    with_reference: bool = False
    """Whether rows have a column `reference`."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return ("instruction", "response", *(["reference"] if self.with_reference else []))

    @override
    def told(self) -> Row:
        return {"rubric": self.rubric, "levels": self.levels_in_words()}
