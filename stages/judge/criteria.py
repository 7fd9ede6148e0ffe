"""Grade an answer by several criteria, a call and a column each.

In:  {instruction: "Name three rivers.", response: "The Nile, the Amazon and the Rhine."}
Out: {correctness: 4.8, verbosity: 1.2, score: 3.0, score_calls: [{…}, {…}]} with
     `criteria: {correctness: "Is all of it true?", verbosity: "Does it say more than was asked?"}`

`score` is their mean. UltraFeedback's four aspects (arXiv:2310.01377), HelpSteer's five from 0 to
4 (arXiv:2311.09528) and CodeUltraFeedback's (arXiv:2403.09032) are recipes of this stage. A grade
is a number of its scale or unreadable: there is no rule that turns a 1 into a 10, as one of the
released scripts had.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

from stages.ask import Ask, Reply
from stages.base import Columns, Fate, Kept, MultiCallStage, Role, Row
from stages.shared.judging.scale import Scale
from stages.shared.judging.verdict import VERDICT_COLUMNS, Question, VerdictSettings


class Criteria(Scale, VerdictSettings, MultiCallStage):
    """The row's texts come before the criterion, so that the calls of a row share their prefix."""

    role: ClassVar[Role] = "judge"
    prompts: ClassVar[tuple[str, ...]] = ("judge/criterion",)
    cites: ClassVar[tuple[str, ...]] = ("ultrafeedback", "helpsteer", "codeultrafeedback")
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")

    engine: str = "main"
    criteria: Mapping[str, str] = Field(min_length=1)
    """By column: what the highest grade stands for, as a question or a sentence."""

    @model_validator(mode="after")
    def _columns(self) -> Self:
        if taken := {"score", "score_calls"} & set(self.criteria):
            raise ValueError(f"`{min(taken)}` is a column of the stage's own: rename the criterion")
        return self

    @property
    @override
    def adds(self) -> Columns:
        own = {"score": pa.float64(), "score_calls": pa.list_(pa.struct(VERDICT_COLUMNS))}
        return {**dict.fromkeys(self.criteria, pa.float64()), **own}

    @property
    @override
    def most_calls(self) -> int:
        return len(self.criteria)

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        words, told = tuple(self.grades), {"levels": self.levels_in_words()}
        texts = {"instruction": row["instruction"], "response": row["response"]}
        questions = [
            Question("judge/criterion", words, {**texts, "criterion": each}, told)
            for each in self.criteria.values()
        ]
        if not replies:
            return list(map(self.ask_about, questions))
        verdicts = self.read_all(questions, replies)
        grades = [verdict.expected(self.grades) for verdict in verdicts]
        own = {"score": fmean(grades), "score_calls": [verdict.facts for verdict in verdicts]}
        return Kept({**dict(zip(self.criteria, grades, strict=True)), **own})

    @override
    def identity(self) -> Row:
        # Criteria are asked in their order, and JSON keys are sorted.
        return {"order": list(self.criteria)}
