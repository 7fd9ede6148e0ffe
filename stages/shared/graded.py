"""A stage that grades from 1 to 5 by one token: the part that all such judges share."""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, Sampling, chat
from stages.base import Columns, Fate, Kept, PromptStage, Role, Row
from stages.errors import ReplyError
from stages.shared.token_probabilities import TOP, token_probabilities


class Graded(PromptStage):
    """The expected grade over the digits' log-probabilities, as Deita's scorers (arXiv:2312.15685).

    One token is sampled and never read: the score is sum(i * p_i) / sum(p_i), so that text in the
    row cannot write the verdict. `score_mass` is sum(p_i), how much of the model's belief was a
    digit. A judge names its template; the template is filled with the columns in `needs` and with
    what `words` adds.
    """

    role: ClassVar[Role] = "judge"
    cites: ClassVar[tuple[str, ...]] = ("deita",)
    uses_seed: ClassVar[bool] = False
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "logprobs"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")
    adds: ClassVar[Columns] = {
        "score": pa.float64(),
        "score_mass": pa.float64(),
        "score_model": pa.string(),
    }
    most_tokens: ClassVar[int] = 1

    min_mass: float = Field(0.2, gt=0, le=1)
    """Below this share of probability on digits, the model did not grade: unreadable."""

    def words(self) -> Row:
        """What the template holds beside columns."""
        return {}

    @override
    def ask(self, row: Row) -> Ask:
        (template,) = self.prompts
        text = prompts.render(template, **{name: row[name] for name in self.needs}, **self.words())
        return Ask(chat(text), Sampling(max_tokens=1), logprobs=TOP)

    @override
    def read(self, row: Row, reply: Reply) -> Fate:
        found = token_probabilities(reply, "12345")
        mass = sum(found.values())
        if mass < self.min_mass:
            raise ReplyError(f"only {mass:.3f} of the probability is on a digit from 1 to 5")
        score = sum(int(digit) * p for digit, p in found.items()) / mass
        facts = {"score": score, "score_mass": min(mass, 1.0), "score_model": reply.model}
        return Kept(facts)
