"""Give each token of an answer a reward: how much likelier a good helper writes it than a bad one.

In:  {instruction: "Name a river.", response: "The Nile."}
Out: {token_rewards: [0.02, 0.41, 0.05]}

The same model reads the answer under two system messages, one that asks for a good and one that
asks for a bad answer; a token's reward is the difference of its log-probabilities, 0 where both are
alike. T-REG (arXiv:2412.02685) regularises preference training by such rewards of the chosen and of
the rejected answer. The list is as long as the answer has tokens in the engine's tokenizer.
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.ask import Ask, Capability, Given, Message, Reply
from stages.base import Columns, Dropped, Failed, Fate, Kept, MultiCallStage, Role, Row
from stages.shared.replies import mean_given, reading


class TokenRewards(MultiCallStage):
    """Two calls, in which nothing is written. `columns: {response: …, token_rewards: …}`."""

    role: ClassVar[Role] = "annotate"
    cites: ClassVar[tuple[str, ...]] = ("t-reg",)
    uses_seed: ClassVar[bool] = False
    requires: ClassVar[frozenset[Capability]] = frozenset({"given"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")
    adds: ClassVar[Columns] = {"token_rewards": pa.list_(pa.float64())}
    most_calls: ClassVar[int] = 2
    most_tokens: ClassVar[int] = 0

    engine: str = "main"
    good: str = Field("Give an answer that is correct, helpful, honest and harmless.", min_length=1)
    """The system message under which good tokens are likely."""
    bad: str = Field("Give an answer that is wrong, useless, dishonest or harmful.", min_length=1)
    """The system message under which bad ones are."""

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        if not row["instruction"] or not row["response"]:
            return Dropped("score.nothing_to_score")
        if not replies:
            asked = Message("user", row["instruction"])
            told = (Message("system", text) for text in (self.good, self.bad))
            return [Ask(Given((system, asked), row["response"])) for system in told]
        for call, reply in enumerate(replies):
            with reading(call):
                mean_given(reply)  # a token that is scored as impossible has no difference
        good, bad = (reply.given for reply in replies)
        if len(good) != len(bad):
            return Failed("score.misfit", f"{len(good)} and {len(bad)} tokens of one answer")
        return Kept({"token_rewards": [a - b for a, b in zip(good, bad, strict=True)]})
