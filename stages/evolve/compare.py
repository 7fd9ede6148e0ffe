"""Ask whether an evolved instruction asks for anything new.

In:  {instruction: "Name three rivers.", evolved: "List three rivers."}
Out: {evolved_is_new: false}; null where nothing was evolved

The paper's first elimination rule (arXiv:2304.12244), put as a question of one word and read
from the first token's log-probabilities like a grade, so that the instructions' own text cannot
answer it.
"""

import math
from typing import ClassVar

import pyarrow as pa

import prompts
from stages.ask import Ask, Capability, Reply, Sampling, chat
from stages.base import Annotated, Columns, Fate, PromptStage, Row
from stages.errors import ReplyError


class Compare(PromptStage):
    """New unless the model holds "yes, the same" for likelier than "no"."""

    prompts: ClassVar[tuple[str, ...]] = ("evolve/compare",)

    @property
    def wants(self) -> frozenset[Capability]:  # noqa: D102
        return frozenset({"chat", "logprobs"})

    @property
    def needs(self) -> tuple[str, ...]:  # noqa: D102
        return ("instruction", "evolved")

    @property
    def adds(self) -> Columns:  # noqa: D102
        return {"evolved_is_new": pa.bool_()}

    def ask(self, row: Row) -> Ask | Fate:
        """Both instructions; nothing for a row without an evolution."""
        if row["evolved"] is None:
            return Annotated()
        text = prompts.render("evolve/compare", first=row["instruction"], second=row["evolved"])
        return Ask(chat(text), Sampling(max_tokens=1), logprobs=20)

    def read(self, row: Row, reply: Reply) -> Fate:
        """The likelier of yes and no."""
        if not reply.samples or not reply.samples[0].logprobs:
            raise ReplyError("the reply has no log-probabilities")
        weights = {"yes": 0.0, "no": 0.0}
        for token, logprob in reply.samples[0].logprobs[0].items():
            word = token.strip().lower()
            if word in weights and math.isfinite(logprob):
                weights[word] += math.exp(min(logprob, 0.0))
        if not sum(weights.values()):
            raise ReplyError("neither yes nor no is among the likeliest tokens")
        return Annotated({"evolved_is_new": weights["no"] >= weights["yes"]})
