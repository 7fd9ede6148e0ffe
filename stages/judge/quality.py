"""Grade an answer from 1 to 5 by the expected value over the digit tokens.

In:  {instruction: "Name three rivers.", response: "The Nile, the Amazon and the Rhine."}
Out: {score: 4.31, score_mass: 0.998, judge_model: "…"}

One token is sampled and never read; the score is sum(i * p_i) / sum(p_i) over the digits' log-
probabilities at that position, as Deita's scorers do (arXiv:2312.15685). Text that the row holds
cannot write the verdict. `score_mass` is sum(p_i): how much of the model's belief was a digit.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

import prompts
from stages.ask import Ask, Capability, Reply, Sampling, chat
from stages.base import Annotated, Columns, Fate, PromptStage, Row
from stages.errors import ReplyError

_TOP = 20
"""Log-probabilities asked for: what the OpenAI protocol allows at most."""


class Quality(PromptStage):
    """Grades by one token."""

    prompts: ClassVar[tuple[str, ...]] = ("judge/quality",)

    column: str = "response"
    min_mass: float = Field(0.2, ge=0, le=1)
    """Below this share of probability on digits, the model did not grade: unreadable."""

    @property
    def wants(self) -> frozenset[Capability]:  # noqa: D102
        return frozenset({"chat", "logprobs"})

    @property
    def needs(self) -> tuple[str, ...]:  # noqa: D102
        return ("instruction", self.column)

    @property
    def adds(self) -> Columns:  # noqa: D102
        return {"score": pa.float64(), "score_mass": pa.float64(), "judge_model": pa.string()}

    def ask(self, row: Row) -> Ask:
        """The request, the answer and the scale."""
        text = prompts.render(
            "judge/quality", instruction=row["instruction"], response=row[self.column]
        )
        return Ask(chat(text), Sampling(max_tokens=1), logprobs=_TOP)

    def read(self, row: Row, reply: Reply) -> Fate:
        """The expected grade."""
        if not reply.samples or not reply.samples[0].logprobs:
            raise ReplyError("the reply has no log-probabilities")
        score, mass = expected_digit(reply.samples[0].logprobs[0], range(1, 6))
        if mass < self.min_mass:
            raise ReplyError(f"only {mass:.3f} of the probability is on a digit from 1 to 5")
        return Annotated({"score": score, "score_mass": mass, "judge_model": reply.model})


def expected_digit(logprobs: Mapping[str, float], digits: range) -> tuple[float, float]:
    """(Expected digit, probability mass on digits) at one position; (nan, 0) without digits.

    Spellings of one digit with and without spaces count together; what is not finite counts for
    nothing.
    """
    weights = dict.fromkeys(digits, 0.0)
    for token, logprob in logprobs.items():
        text = token.strip()
        if text.isascii() and text.isdigit() and int(text) in weights and math.isfinite(logprob):
            weights[int(text)] += math.exp(min(logprob, 0.0))
    mass = sum(weights.values())
    score = sum(digit * weight for digit, weight in weights.items()) / mass if mass else math.nan
    return score, min(mass, 1.0)
