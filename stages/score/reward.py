"""What a reward model says of an answer: a number without a unit, the higher the better.

In:  {instruction: "Name three rivers.", response: "The Nile, the Amazon and the Rhine."}
Out: {reward: 4.31, reward_model: "packaged/…"}, or dropped as score.nothing_to_rate

Reward models are trained and measured on answers to one instruction held against each other
(arXiv:2403.13787): the numbers of two models, or of two instructions, are on no common scale.
`select.best` with `columns: {score: reward}`.
"""

from math import isfinite
from typing import ClassVar

import pyarrow as pa

from stages.ask import Ask, Capability, Message, Rated, Reply
from stages.base import Columns, Dropped, Fate, Kept, PromptStage, Role, Row
from stages.errors import ReplyError


class Reward(PromptStage):
    """One number for each answer."""

    role: ClassVar[Role] = "judge"
    cites: ClassVar[tuple[str, ...]] = ("rewardbench",)
    uses_seed: ClassVar[bool] = False
    requires: ClassVar[frozenset[Capability]] = frozenset({"reward"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")
    adds: ClassVar[Columns] = {"reward": pa.float64(), "reward_model": pa.string()}
    most_tokens: ClassVar[int] = 0

    engine: str = "reward"
    """Which of the recipe's engines answers."""

    def ask(self, row: Row) -> Ask | Fate:
        """Question and answer as a conversation."""
        if not row["instruction"] or not row["response"]:
            return Dropped("score.nothing_to_rate")
        turns = Message("user", row["instruction"]), Message("assistant", row["response"])
        return Ask(Rated(turns))

    def read(self, row: Row, reply: Reply) -> Fate:
        """The number, and whose it is."""
        if reply.reward is None or not isfinite(reply.reward):
            raise ReplyError("the reply has no reward")
        return Kept({"reward": reply.reward, "reward_model": reply.model})
