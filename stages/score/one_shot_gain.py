"""Say for how many tasks a row is a good example.

In:  {instruction: "…", response: "…", anchors: ["Name a river.", …], anchor_answers: ["The Po."]}
Out: {golden_score: 0.75}: the share of anchors whose answer gets likelier with the row before it

Nuggets (arXiv:2312.10302): the anchors are some tasks of the kind that matters, the same for all
rows, questions and answers paired in a file; the row stands before each as its one example. An
anchor is scored twice for every row. Rows above 0.5, or better 0.85, are kept (`filter.where`).
"""

from collections.abc import Sequence
from statistics import fmean
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.ask import Ask, Capability, Given, Message, Reply
from stages.base import Columns, Dropped, Fate, Kept, MultiCallStage, Role, Row
from stages.shared.replies import mean_given, reading


class OneShotGain(MultiCallStage):
    """Nothing is written: the engine reads answers as if they were its own."""

    role: ClassVar[Role] = "annotate"
    cites: ClassVar[tuple[str, ...]] = ("nuggets",)
    uses_seed: ClassVar[bool] = False
    requires: ClassVar[frozenset[Capability]] = frozenset({"given"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "response", "anchors", "anchor_answers")
    adds: ClassVar[Columns] = {"golden_score": pa.float64()}
    most_tokens: ClassVar[int] = 0

    engine: str = "main"
    most_anchors: int = 100
    """Anchors after them are left out."""

    @property
    @override
    def most_calls(self) -> int:
        return 2 * self.most_anchors

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        anchors = list(zip(row["anchors"] or (), row["anchor_answers"] or (), strict=False))
        anchors = [pair for pair in anchors[: self.most_anchors] if all(pair)]
        if not anchors or not row["instruction"] or not row["response"]:
            return Dropped("score.nothing_to_score")
        if not replies:
            shown = (Message("user", row["instruction"]), Message("assistant", row["response"]))
            return [
                Ask(Given((*before, Message("user", asked)), answer))
                for asked, answer in anchors
                for before in ((), shown)
            ]
        means = []
        for call, reply in enumerate(replies):
            with reading(call):
                means.append(mean_given(reply))
        gains = [one > zero for zero, one in zip(means[::2], means[1::2], strict=True)]
        return Kept({"golden_score": fmean(gains)})
