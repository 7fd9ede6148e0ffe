"""Grade an answer from 1 to 5 by the expected value over the digit tokens.

In:  {instruction: "Name three rivers.", response: "The Nile, the Amazon and the Rhine."}
Out: {score: 4.31, score_mass: 0.998, score_model: "…"}

One token is sampled and never read; the score is sum(i * p_i) / sum(p_i) over the digits' log-
probabilities at that position, as Deita's scorers do (arXiv:2312.15685). Text that the row holds
cannot write the verdict. `score_mass` is sum(p_i): how much of the model's belief was a digit.
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field

import prompts
from stages.ask import Ask, Capability, Reply, Sampling, chat
from stages.base import Annotated, Columns, Fate, PromptStage, Role, Row
from stages.errors import ReplyError
from stages.verdicts import TOP, masses


class Quality(PromptStage):
    """Grades by one token."""

    role: ClassVar[Role] = "judge"
    prompts: ClassVar[tuple[str, ...]] = ("judge/quality",)
    cites: ClassVar[tuple[str, ...]] = ("deita",)
    draws: ClassVar[bool] = False
    wants: ClassVar[frozenset[Capability]] = frozenset({"chat", "logprobs"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")
    adds: ClassVar[Columns] = {
        "score": pa.float64(),
        "score_mass": pa.float64(),
        "score_model": pa.string(),
    }
    most_tokens: ClassVar[int] = 1

    min_mass: float = Field(0.2, gt=0, le=1)
    """Below this share of probability on digits, the model did not grade: unreadable."""

    def ask(self, row: Row) -> Ask:
        """The request, the answer and the scale."""
        words = {name: row[name] for name in self.needs}
        text = prompts.render("judge/quality", **words)
        return Ask(chat(text), Sampling(max_tokens=1), logprobs=TOP)

    def read(self, row: Row, reply: Reply) -> Fate:
        """The expected grade."""
        found = masses(reply, "12345")
        mass = sum(found.values())
        if mass < self.min_mass:
            raise ReplyError(f"only {mass:.3f} of the probability is on a digit from 1 to 5")
        score = sum(int(digit) * p for digit, p in found.items()) / mass
        facts = {"score": score, "score_mass": min(mass, 1.0), "score_model": reply.model}
        return Annotated(facts)
