"""Answer an instruction, and begin again as long as the model itself thinks that this would help.

In:  {instruction: "Name three rivers."}
Out: {response: "The Nile, the Amazon and the Rhine.", response_finish_reason: "stop",
      response_attempts: 1, response_restart: 0.12}

After each answer the model is asked whether a fresh attempt would likely be better; the share of
"yes" in its one token is `response_restart`. Below `enough` it stops, at the latest after `most`
attempts, and of those the answer with the lowest share is kept. Adaptive inference-time compute
(arXiv:2410.02725) trains a model to say so and gets most of the gain of best-of-16 with few more
samples than one; a model that is not trained for it is a weak judge of itself.
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, Sampling, chat
from stages.base import Columns, Fate, Kept, MultiCallStage, Role, Row
from stages.errors import ReplyError
from stages.shared.judging.material import shown
from stages.shared.judging.token_probabilities import TOP, token_probabilities
from stages.shared.replies import reading
from stages.shared.sampled import SamplingSettings

_LEAST_MASS = 0.2


class Adaptive(SamplingSettings, MultiCallStage):
    """Two calls for each attempt, one after the other."""

    role: ClassVar[Role] = "generate"
    prompts: ClassVar[tuple[str, ...]] = ("generate/restart",)
    cites: ClassVar[tuple[str, ...]] = ("adaptive-compute",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "logprobs"})
    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {
        "response": pa.string(),
        "response_finish_reason": pa.string(),
        "response_attempts": pa.int64(),
        "response_restart": pa.float64(),
    }

    engine: str = "main"
    system: str | None = None
    enough: float = Field(0.5, gt=0, lt=1)
    """The share of "yes" below which an answer is kept as it is."""
    most: int = Field(4, ge=2, le=16)
    """Attempts at most."""

    @property
    @override
    def most_calls(self) -> int:
        return 2 * self.most

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Ask | Fate:
        if row["instruction"] is None:
            return Kept()
        if len(replies) % 2:
            answer = {"instruction": row["instruction"], "response": replies[-1].text.strip()}
            asked = prompts.render("generate/restart", **shown(answer))
            return Ask(chat(asked), Sampling(max_tokens=1), logprobs=TOP)
        restarts = []
        for call in range(1, len(replies), 2):
            with reading(call):
                restarts.append(_restart(replies[call]))
        if not restarts or (restarts[-1] >= self.enough and len(restarts) < self.most):
            return Ask(chat(row["instruction"], self.system), self.sampling())
        best = min(range(len(restarts)), key=restarts.__getitem__)
        sample = replies[2 * best].sample
        facts = (sample.text.strip(), sample.finish_reason, len(restarts), restarts[best])
        return Kept(dict(zip(self.adds, facts, strict=True)))


def _restart(reply: Reply) -> float:
    """The share of "yes", of what is on "yes" and "no"."""
    found = token_probabilities(reply, ("yes", "no"))
    mass = sum(found.values())
    if mass < _LEAST_MASS:
        raise ReplyError(f"only {mass:.3f} of the probability is on yes or no")
    return found["yes"] / mass
