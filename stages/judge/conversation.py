"""Grade a conversation by one criterion: as a whole, turn by turn, or by its last turn.

In:  {messages: [{role: user, …}, {role: assistant, …}, {role: user, …}, {role: assistant, …}]}
Out: {score: 3.6, score_turns: [4.2, 3.0], score_calls: [{…}, {…}]} with `turns: each`

`score` is the mean of `score_turns`. A turn is shown with all that was said before it and nothing
of what comes after. MT-Bench judges the second turn of two so (`turns: last`, arXiv:2306.05685). A
conversation in which the assistant says nothing gets nulls.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.ask import Ask, Reply
from stages.base import Columns, Fate, Kept, MultiCallStage, Role, Row
from stages.shared.judging.material import Shown
from stages.shared.judging.scale import Scale
from stages.shared.judging.verdict import VERDICT_COLUMNS, Question, VerdictSettings


class Conversation(Scale, VerdictSettings, MultiCallStage):
    """One call, or one for each turn of the assistant."""

    role: ClassVar[Role] = "judge"
    prompts: ClassVar[tuple[str, ...]] = ("judge/turn",)
    cites: ClassVar[tuple[str, ...]] = ("mt-bench",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("messages",)
    adds: ClassVar[Columns] = {
        "score": pa.float64(),
        "score_turns": pa.list_(pa.float64()),
        "score_calls": pa.list_(pa.struct(VERDICT_COLUMNS)),
    }

    engine: str = "main"
    rubric: str = Field(min_length=1)
    """What the highest grade stands for, as a question or a sentence."""
    turns: Literal["whole", "each", "last"] = "whole"
    """What a grade is given for."""
    most_turns: int = Field(20, ge=1)
    """With `each`: turns of the assistant that are graded at most, from the first on."""

    @property
    @override
    def most_calls(self) -> int:
        return self.most_turns if self.turns == "each" else 1

    def _texts(self, row: Row) -> list[Shown]:
        """What is shown, once for each call: every turn in a block of its own."""
        turns = [(turn["role"], turn["content"]) for turn in row["messages"] or ()]
        said = [i for i, (role, _) in enumerate(turns) if role == "assistant"]
        if self.turns == "whole":
            return [{"turns": turns}] if said else []
        graded = said[-1:] if self.turns == "last" else said[: self.most_turns]
        return [{"turns": turns[:i], "graded": turns[i][1]} for i in graded]

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        words, told = tuple(self.grades), {"rubric": self.rubric, "levels": self.levels_in_words()}
        questions = [Question("judge/turn", words, texts, told) for texts in self._texts(row)]
        if not questions:
            return Kept(dict.fromkeys(self.adds))
        if not replies:
            return list(map(self.ask_about, questions))
        verdicts = self.read_all(questions, replies)
        grades = [verdict.expected(self.grades) for verdict in verdicts]
        facts = (fmean(grades), grades, [verdict.facts for verdict in verdicts])
        return Kept(dict(zip(self.adds, facts, strict=True)))
