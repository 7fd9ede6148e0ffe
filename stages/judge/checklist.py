"""Check an answer against a list of questions that yes and no answer, a call each.

In:  {instruction: "Name three rivers.", response: "The Nile and the Po.",
      questions: ["Are there three?", "Are all of them rivers?"]}
Out: {score: 0.5, checks: [0.02, 0.98], checks_asked: ["Are there three?", …], checks_calls: [{…}]}

`checks` are the probabilities of yes, `score` their mean. Questions of a row's own are RocketEval's
checklist (arXiv:2503.05142), which a strong model writes once; `questions` in the recipe are the
same for all rows: principles as binary questions (RLBFF, arXiv:2509.21319), BenchBuilder's criteria
(arXiv:2406.11939), rules extracted from preferences (AutoRule, arXiv:2506.15651), the categories of
a safety taxonomy (`take: most` then gives the worst of them). A row without questions gets a null.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import ClassVar, Literal

import pyarrow as pa
from typing_extensions import override

from stages.ask import Ask, Reply
from stages.base import Columns, Fate, Kept, MultiCallStage, Role, Row
from stages.shared.judging.verdict import VERDICT_COLUMNS, Question, VerdictSettings

_WORDS = ("yes", "no")
_TOLD = {"levels": "It is a question about it; answer it with yes or no."}
_VALUES = {"yes": 1.0, "no": 0.0}


class Checklist(VerdictSettings, MultiCallStage):
    """The row's texts come before the question, so that the calls of a row share their prefix."""

    role: ClassVar[Role] = "judge"
    prompts: ClassVar[tuple[str, ...]] = ("judge/criterion",)
    cites: ClassVar[tuple[str, ...]] = ("rocketeval", "rlbff", "arena-hard", "autorule")
    uses_seed: ClassVar[bool] = False
    adds: ClassVar[Columns] = {
        "score": pa.float64(),
        "checks": pa.list_(pa.float64()),
        "checks_asked": pa.list_(pa.string()),
        "checks_calls": pa.list_(pa.struct(VERDICT_COLUMNS)),
    }

    engine: str = "main"
    questions: tuple[str, ...] = ()
    """The same for all rows; without them each row has its own in the column `questions`."""
    of: Literal["answer", "request"] = "answer"
    """What the questions are about: an answer to a request, or the request alone."""
    take: Literal["mean", "most", "least"] = "mean"
    """What the score is of the probabilities of yes."""
    most_questions: int = 20
    """Of a row's own: those after them are not asked."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return (*self._shown, *([] if self.questions else ["questions"]))

    @property
    @override
    def most_calls(self) -> int:
        return len(self.questions) or self.most_questions

    @property
    def _shown(self) -> tuple[str, ...]:
        return ("instruction", "response") if self.of == "answer" else ("instruction",)

    def _asked(self, row: Row) -> list[str]:
        given = self.questions or (row["questions"] or ())[: self.most_questions]
        return [question for question in given if question and question.strip()]

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        asked = self._asked(row)
        if not asked:
            return Kept(dict.fromkeys(self.adds))
        texts = {name: row[name] for name in self._shown}
        questions = [
            Question("judge/criterion", _WORDS, {**texts, "criterion": each}, _TOLD)
            for each in asked
        ]
        if not replies:
            return list(map(self.ask_about, questions))
        verdicts = self.read_all(questions, replies)
        checks = [verdict.expected(_VALUES) for verdict in verdicts]
        score = {"mean": fmean(checks), "most": max(checks), "least": min(checks)}[self.take]
        facts = (score, checks, asked, [verdict.facts for verdict in verdicts])
        return Kept(dict(zip(self.adds, facts, strict=True)))
