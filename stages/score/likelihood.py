"""How likely an answer is under a model: the mean log-probability of its tokens.

In:  {instruction: "Name three rivers.", response: "The Nile, the Po and the Ob."}
Out: {likelihood: -0.82}, in nats per token; 0 is certain

The higher, the closer the answer lies to what the model would say itself: GRAPE chooses the answer
to train a model on by it (arXiv:2502.04194). The tokens of the instruction do not count.
"""

from math import isfinite
from statistics import fmean
from typing import ClassVar

import pyarrow as pa

from stages.ask import Ask, Capability, Given, Message, Reply
from stages.base import Columns, Dropped, Fate, Kept, PromptStage, Role, Row
from stages.errors import ReplyError


class Likelihood(PromptStage):
    """Nothing is written: the engine reads the answer as if it were its own."""

    role: ClassVar[Role] = "annotate"
    cites: ClassVar[tuple[str, ...]] = ("grape",)
    uses_seed: ClassVar[bool] = False
    requires: ClassVar[frozenset[Capability]] = frozenset({"given"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")
    adds: ClassVar[Columns] = {"likelihood": pa.float64()}
    most_tokens: ClassVar[int] = 0

    def ask(self, row: Row) -> Ask | Fate:
        """The answer as the assistant's."""
        if not row["instruction"] or not row["response"]:
            return Dropped("score.nothing_to_score")
        return Ask(Given((Message("user", row["instruction"]),), row["response"]))

    def read(self, row: Row, reply: Reply) -> Fate:
        """The mean over the answer's tokens."""
        if not reply.given or not all(map(isfinite, reply.given)):
            raise ReplyError("the reply scores no token, or one as impossible")
        return Kept({"likelihood": fmean(reply.given)})
