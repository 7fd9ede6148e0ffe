"""Let a panel of judges compare two answers, each judge in both orders.

In:  {instruction: "Name three rivers.", chosen: "The Nile, the Po, the Ob.", rejected: "Rivers?"}
Out: {preference: 0.93, preference_order_gap: 0.08, preference_by: [0.95, 0.91]}

`preference` is the probability of a verdict for `chosen`, read from the first token's
log-probabilities and averaged over both orders and all judges: a judge's leaning to one position
cancels out (position bias: arXiv:2306.05685; a panel of several models: arXiv:2404.18796).
`preference_order_gap` is how far the two orders lie apart on average, and `preference_by` is each
judge's own preference in the order of `engine`.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, Sampling, chat
from stages.base import Columns, Fate, Kept, MultiCallStage, Role, Row
from stages.errors import ReplyError
from stages.shared.replies import reading
from stages.shared.token_probabilities import TOP, token_probabilities


class Pair(MultiCallStage):
    """Two calls for each judge."""

    role: ClassVar[Role] = "judge"
    prompts: ClassVar[tuple[str, ...]] = ("judge/pair",)
    cites: ClassVar[tuple[str, ...]] = ("mt-bench", "poll")
    uses_seed: ClassVar[bool] = False
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "logprobs"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "chosen", "rejected")
    adds: ClassVar[Columns] = {
        "preference": pa.float64(),
        "preference_order_gap": pa.float64(),
        "preference_by": pa.list_(pa.float64()),
    }
    most_tokens: ClassVar[int] = 1

    min_mass: float = Field(0.1, gt=0, le=1)
    """Below this share of probability on 1 and 2, the model did not decide: unreadable."""

    @property
    @override
    def most_calls(self) -> int:
        return 2 * len(self.engines)

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        if not replies:
            orders = ((row["chosen"], row["rejected"]), (row["rejected"], row["chosen"]))
            return [_ask(row, order, engine) for engine in self.engines for order in orders]
        first = []
        for call, reply in enumerate(replies):
            with reading(call):
                first.append(self._first(reply))
        # The second order shows `chosen` as the second answer.
        pairs = [(a, 1 - b) for a, b in zip(first[::2], first[1::2], strict=True)]
        by_judge = [fmean(pair) for pair in pairs]
        gap = fmean(abs(a - b) for a, b in pairs)
        columns = {"preference": fmean(by_judge), "preference_order_gap": gap}
        return Kept(columns | {"preference_by": by_judge})

    def _first(self, reply: Reply) -> float:
        """The probability of a verdict for the answer that was shown first."""
        found = token_probabilities(reply, "12")
        mass = sum(found.values())
        if mass < self.min_mass:
            raise ReplyError(f"only {mass:.3f} of the probability is on 1 or 2")
        return found["1"] / mass


def _ask(row: Row, order: tuple[str, str], engine: str) -> Ask:
    first, second = order
    text = prompts.render("judge/pair", instruction=row["instruction"], first=first, second=second)
    return Ask(chat(text), Sampling(max_tokens=1), logprobs=TOP, engine=engine)
