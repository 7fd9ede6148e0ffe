"""Let a panel of judges compare two answers, each judge in both orders.

In:  {instruction: "Name three rivers.", chosen: "The Nile, the Po, the Ob.", rejected: "Rivers?"}
Out: {preference: 0.93, preference_order_gap: 0.08, preference_by: [0.95, 0.91],
      preference_verdict: "chosen", preference_calls: [{order: "chosen first", first: 0.97, …}, …]}

`preference` is the probability of a verdict for `chosen`, averaged over both orders and all
judges: a judge's leaning to one position cancels out (position bias: arXiv:2306.05685; a panel of
several models: arXiv:2404.18796). `preference_order_gap` is how far the two orders lie apart on
average, and `preference_by` is each judge's own preference in the order of `engine`.

`preference_verdict` goes by each call's most probable word: `chosen` or `rejected` where all say
so, `tie` where all say tie, and `inconsistent` otherwise, as FastChat counts games
(arXiv:2306.05685). `choices: five` asks for Arena-Hard's five steps (arXiv:2406.11939), by digits
because each of those is one token.
"""

import json
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.ask import Ask, Reply
from stages.base import Columns, Dropped, Fate, Kept, MultiCallStage, Role, Row
from stages.shared.judging.verdict import VERDICT_COLUMNS, Question, Verdict, VerdictSettings

_CHOICES: Mapping[str, tuple[Mapping[str, float], str]] = {
    "two": ({"1": 1.0, "2": 0.0}, ""),
    "tie": ({"1": 1.0, "2": 0.0, "0": 0.5}, "0 says that neither is better."),
    "five": (
        {"1": 1.0, "2": 0.75, "3": 0.5, "4": 0.25, "5": 0.0},
        "1: the first is much better. 2: the first is better. 3: they are equally good. "
        "4: the second is better. 5: the second is much better.",
    ),
}
"""What a verdict counts for the answer that is shown first, and how it is explained."""
_ORDERS = (("chosen", "rejected"), ("rejected", "chosen"))
_CALL = {"order": pa.string(), "first": pa.float64(), **VERDICT_COLUMNS}


class Pair(VerdictSettings, MultiCallStage):
    """Two calls for each judge."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "judge"
    prompts: ClassVar[tuple[str, ...]] = ("judge/pair",)
    cites: ClassVar[tuple[str, ...]] = ("mt-bench", "poll", "arena-hard")
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("instruction", "chosen", "rejected")
    adds: ClassVar[Columns] = {
        "preference": pa.float64(),
        "preference_order_gap": pa.float64(),
        "preference_by": pa.list_(pa.float64()),
        "preference_verdict": pa.string(),
        "preference_calls": pa.list_(pa.struct(_CALL)),
    }

    rubric: str = Field(
        "is it correct, does it do what was asked, is it complete and clear?", min_length=1
    )
    """What makes an answer the better one."""
    choices: Literal["two", "tie", "five"] = "two"
    """What a judge may say: one of the answers, also that neither is better, or five steps."""
    on_tie: Literal["keep", "drop"] = "keep"
    """What becomes of rows whose verdict is a tie or inconsistent: they go on with it, or are
    dropped as judge.tie and judge.inconsistent."""
    min_mass: float = Field(0.1, gt=0, le=1)
    """With logprobs: below this share of probability on its words a reply is unreadable."""

    @property
    @override
    def most_calls(self) -> int:
        return 2 * len(self.engines)

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        questions = [self._question(row, order) for _ in self.engines for order in _ORDERS]
        if not replies:
            engines = [engine for engine in self.engines for _ in _ORDERS]
            return list(map(self.ask_about, questions, engines))
        verdicts = self.read_all(questions, replies)
        firsts = [verdict.expected(_CHOICES[self.choices][0]) for verdict in verdicts]
        for_chosen = [1 - first if call % 2 else first for call, first in enumerate(firsts)]
        verdict = agreed([self._decided(each, call) for call, each in enumerate(verdicts)])
        if self.on_tie == "drop" and verdict in ("tie", "inconsistent"):
            return Dropped(
                "judge.tie" if verdict == "tie" else "judge.inconsistent", json.dumps(for_chosen)
            )
        pairs = list(zip(for_chosen[::2], for_chosen[1::2], strict=True))
        by_judge = [fmean(pair) for pair in pairs]
        gap = fmean(abs(a - b) for a, b in pairs)
        calls = [
            {"order": f"{_ORDERS[call % 2][0]} first", "first": firsts[call], **each.facts}
            for call, each in enumerate(verdicts)
        ]
        facts = (fmean(by_judge), gap, by_judge, verdict, calls)
        return Kept(dict(zip(self.adds, facts, strict=True)))

    def _decided(self, verdict: Verdict, call: int) -> float:
        """What the most probable word counts for `chosen`; of equal ones a tie."""
        values, _ = _CHOICES[self.choices]
        most = max(verdict.probabilities.values())
        best = {values[word] for word, p in verdict.probabilities.items() if p == most}
        first = best.pop() if len(best) == 1 else 0.5
        return 1 - first if call % 2 else first

    def _question(self, row: Row, order: tuple[str, str]) -> Question:
        first, second = order
        texts = {"instruction": row["instruction"], "first": row[first], "second": row[second]}
        values, explained = _CHOICES[self.choices]
        return Question(
            "judge/pair", tuple(values), texts, {"rubric": self.rubric, "choices": explained}
        )


def agreed(for_chosen: Sequence[float]) -> str:
    """What all calls say together: chosen, rejected or tie; inconsistent where they differ."""
    said = {"chosen" if p > 0.5 else "rejected" if p < 0.5 else "tie" for p in for_chosen}
    return said.pop() if len(said) == 1 else "inconsistent"
