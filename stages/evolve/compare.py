"""Ask whether an evolved instruction asks for anything new.

In:  {instruction: "Name three rivers.", evolved: "List three rivers."}
Out: {evolved_is_new: false, evolved_novelty: 0.04}; null where nothing was evolved

The paper's first elimination rule (arXiv:2304.12244), put as a question of one word and read
from the first token's log-probabilities like a grade, so that the instructions' own text cannot
answer it.
"""

from typing import ClassVar

import pyarrow as pa
from pydantic import Field

import prompts
from stages.ask import Ask, Capability, OnParseError, Reply, Sampling, chat
from stages.base import Columns, Fate, Kept, PromptStage, Role, Row
from stages.errors import ReplyError
from stages.shared.judging.token_probabilities import TOP, token_probabilities


class Compare(PromptStage):
    """Novelty is the probability of "no, not the same", of yes and no together.

    At 0.5 the model's own verdict counts. Small models lean to yes and still tell pairs apart:
    the packaged model gave 0.02-0.07 to 13 pairs of the same request or paraphrases of it and
    0.13-0.36 to 10 pairs with a new demand, so its recipe says 0.1.
    """

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "filter"
    prompts: ClassVar[tuple[str, ...]] = ("evolve/compare",)
    cites: ClassVar[tuple[str, ...]] = ("wizardlm",)
    uses_seed: ClassVar[bool] = False
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "logprobs"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "evolved")
    adds: ClassVar[Columns] = {"evolved_is_new": pa.bool_(), "evolved_novelty": pa.float64()}
    most_tokens: ClassVar[int] = 1

    on_parse_error: OnParseError = "null"
    """By default an evolution without a verdict is eliminated, and its parent stays in the pool."""
    min_novelty: float = Field(0.5, ge=0, le=1)

    def ask(self, row: Row) -> Ask | Fate:
        """Both instructions; nothing for a row without an evolution."""
        if row["evolved"] is None:
            return Kept()
        text = prompts.render("evolve/compare", first=row["instruction"], second=row["evolved"])
        return Ask(chat(text), Sampling(max_tokens=1), logprobs=TOP)

    def read(self, row: Row, reply: Reply) -> Fate:
        """The share of no."""
        found = token_probabilities(reply, ("yes", "no"))
        if not any(found.values()):
            raise ReplyError("neither yes nor no is among the likeliest tokens")
        novelty = found["no"] / sum(found.values())
        is_new = novelty >= self.min_novelty
        return Kept({"evolved_is_new": is_new, "evolved_novelty": novelty})
