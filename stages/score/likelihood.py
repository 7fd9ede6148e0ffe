"""How likely an answer is under a model: the mean log-probability of its tokens.

In:  {instruction: "Name three rivers.", response: "The Nile, the Po and the Ob."}
Out: {likelihood: -0.82}, in nats per token; 0 is certain

The higher, the closer the answer lies to what the model would say itself: GRAPE chooses the answer
to train a model on by it (arXiv:2502.04194). The tokens of the instruction do not count.

With `alone: true` the answer is scored as if nothing had been asked. By how much the instruction
makes an answer likelier is the logarithm of its instruction-following difficulty (IFD,
arXiv:2308.12032), `score.difference` of the two: the smaller, the harder. The difference between a
strong and a weak model's likelihood is a density ratio, a reward without a reward model
(arXiv:2411.02481).
"""

from typing import ClassVar

import pyarrow as pa

from stages.ask import Ask, Capability, Given, Message, Reply
from stages.base import Columns, Dropped, Fate, Kept, PromptStage, Role, Row
from stages.shared.replies import mean_given


class Likelihood(PromptStage):
    """Nothing is written: the engine reads the answer as if it were its own."""

    role: ClassVar[Role] = "annotate"
    cites: ClassVar[tuple[str, ...]] = ("grape", "ifd", "density-ratio")
    uses_seed: ClassVar[bool] = False
    requires: ClassVar[frozenset[Capability]] = frozenset({"given"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")
    adds: ClassVar[Columns] = {"likelihood": pa.float64()}
    most_tokens: ClassVar[int] = 0

    alone: bool = False
    """Score the answer to an empty request."""

    def ask(self, row: Row) -> Ask | Fate:
        """The answer as the assistant's."""
        if not row["instruction"] or not row["response"]:
            return Dropped("score.nothing_to_score")
        asked = "" if self.alone else row["instruction"]
        return Ask(Given((Message("user", asked),), row["response"]))

    def read(self, row: Row, reply: Reply) -> Fate:
        """The mean over the answer's tokens."""
        return Kept({"likelihood": mean_given(reply)})
