"""Let several models answer, read each other's answers and answer again; one has the last word.

In:  {instruction: "Name three rivers."}
Out: {response: "…", response_finish_reason: "stop", proposals: ["…", "…", "…"]}

Mixture-of-Agents (arXiv:2406.04692): every engine but the first proposes, in `layers` layers; from
the second layer on each sees the answers of the layer before in its system message, and the first
engine makes one answer of those of the last layer. With a single engine that engine plays all
`proposers`, each proposal with a seed of its own. `proposals` are those of the last layer. The
paper has six proposers and three layers, of which the last is the aggregator's: `layers: 2` here.
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Fate, Kept, MultiCallStage, Role, Row
from stages.errors import ReplyError
from stages.shared.replies import reading
from stages.shared.sampled import SamplingSettings
from stages.shared.texts.leaks import refuse_leaks


class Aggregate(SamplingSettings, MultiCallStage):
    """A row whose instruction is null is not asked."""

    version: ClassVar[int] = 3
    role: ClassVar[Role] = "generate"
    cites: ClassVar[tuple[str, ...]] = ("mixture-of-agents",)
    prompts: ClassVar[tuple[str, ...]] = ("several/aggregate",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat"})
    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {
        "response": pa.string(),
        "response_finish_reason": pa.string(),
        "proposals": pa.list_(pa.string()),
    }

    proposers: int = Field(3, ge=1, le=16)
    """How many proposals a single engine makes in each layer; of several each makes one."""
    layers: int = Field(1, ge=1, le=8)

    @property
    def _proposing(self) -> tuple[str, ...]:
        return self.engines[1:] or self.engines * self.proposers

    @property
    @override
    def most_calls(self) -> int:
        return self.layers * len(self._proposing) + 1

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Ask | Sequence[Ask] | Fate:
        if not row["instruction"]:
            return Kept()
        answers = []
        for call, reply in enumerate(replies):
            with reading(call):
                answers.append(_said(reply))
        width = len(self._proposing)
        if len(replies) > self.layers * width:
            ended = replies[-1].sample.finish_reason
            facts = {"response": answers[-1], "response_finish_reason": ended}
            return Kept({**facts, "proposals": answers[-width - 1 : -1]})
        system = prompts.render("several/aggregate", answers=answers[-width:]) if answers else None
        prompt = chat(row["instruction"], system)
        asking = self.engines[:1] if len(replies) == self.layers * width else self._proposing
        return [Ask(prompt, self.sampling(), engine=engine) for engine in asking]


def _said(reply: Reply) -> str:
    text = reply.text.strip()
    if not text:
        raise ReplyError("an answer is empty")
    refuse_leaks(text, prompts.text("several/aggregate"))
    return text
