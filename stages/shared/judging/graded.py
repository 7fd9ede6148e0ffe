"""A stage that grades an answer on a scale: the part that all such judges share."""

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.ask import Ask, Reply
from stages.base import Columns, Fate, Kept, PromptStage, Role, Row
from stages.shared.judging.verdict import VERDICT_COLUMNS, Question, VerdictSettings


class Graded(VerdictSettings, PromptStage):
    """The expected grade over the digits' log-probabilities, as Deita's scorers (arXiv:2312.15685).

    One token is sampled and never read: the score is sum(i * p_i) / sum(p_i), so that text in the
    row cannot write the verdict. `score_mass` is sum(p_i), how much of the model's belief was a
    digit. With `verdict: token` and `rationale` the score is the grade that the judge writes. A
    judge names its template; the template is filled with the columns in `needs` and with what
    `told` adds.
    """

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "judge"
    cites: ClassVar[tuple[str, ...]] = ("deita",)
    uses_seed: ClassVar[bool] = False
    adds: ClassVar[Columns] = {
        "score": pa.float64(),
        **{f"score_{name}": kind for name, kind in VERDICT_COLUMNS.items()},
    }

    @property
    def grades(self) -> Mapping[str, float]:
        """The words of the verdict, with what each counts."""
        return {str(grade): float(grade) for grade in range(1, 6)}

    def told(self) -> Row:
        """What the template holds beside columns."""
        return {}

    def _question(self, row: Row) -> Question:
        (template,) = self.prompts
        texts = {name: row[name] for name in self.needs}
        return Question(template, tuple(self.grades), texts, self.told())

    @override
    def ask(self, row: Row) -> Ask:
        return self.ask_about(self._question(row))

    @override
    def read(self, row: Row, reply: Reply) -> Fate:
        verdict = self.read_about(self._question(row), reply)
        facts = {f"score_{name}": value for name, value in verdict.facts.items()}
        return Kept({"score": verdict.expected(self.grades), **facts})
