"""Let a model play the user and another the assistant, for some turns.

In:  {instruction: "Name three rivers."}
Out: {messages: [{role: user, content: "Name three rivers."}, {role: assistant, content: "…"},
      {role: user, content: "…"}, …]}, and {turns: 3}

The user's first turn is the row's instruction; each later one is written from the conversation so
far, as in UltraChat's pairs of models (arXiv:2305.14233). With two engines the first answers and
the second plays the user.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Chat, Message, Reply, chat
from stages.base import Columns, Fate, Kept, MultiCallStage, Role, Row
from stages.errors import ReplyError
from stages.shared.conversation import MESSAGES
from stages.shared.replies import reading
from stages.shared.sampled import SamplingSettings


class Simulate(SamplingSettings, MultiCallStage):
    """The transcript is a column; no turn is kept without an answer."""

    role: ClassVar[Role] = "generate"
    prompts: ClassVar[tuple[str, ...]] = ("dialogue/user",)
    cites: ClassVar[tuple[str, ...]] = ("ultrachat",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat"})
    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {"messages": MESSAGES, "turns": pa.int64()}

    turns: int = Field(3, ge=1, le=32)
    """Turns of the user, the instruction counted."""
    system: str | None = None
    """The assistant's."""

    @model_validator(mode="after")
    def _two_at_most(self) -> Self:
        if len(self.engines) > 2:
            raise ValueError("one engine, or two: the assistant's and the user's")
        return self

    @property
    @override
    def most_calls(self) -> int:
        return 2 * self.turns - 1

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Ask | Fate:
        if not row["instruction"]:
            return Kept()
        texts = [row["instruction"]]
        for call, reply in enumerate(replies):
            with reading(call):
                texts.append(_said(reply, texts))
        if len(texts) == 2 * self.turns:
            messages = [{"role": _role(i), "content": text} for i, text in enumerate(texts)]
            return Kept({"messages": messages, "turns": self.turns})
        if len(texts) % 2:
            head = (Message("system", self.system),) if self.system else ()
            said = (Message(_role(i), text) for i, text in enumerate(texts))
            return Ask(Chat((*head, *said)), self.sampling(), engine=self.engines[0])
        turns = [(_role(i), text) for i, text in enumerate(texts)]
        text = prompts.render("dialogue/user", turns=turns)
        return Ask(chat(text), self.sampling(), engine=self.engines[-1])


def _role(number: int) -> Literal["user", "assistant"]:
    return "assistant" if number % 2 else "user"


def _said(reply: Reply, before: Sequence[str]) -> str:
    """A turn's text.

    Raises:
        ReplyError: it is empty, was cut off, or says word for word what was said before.
    """
    text = reply.text.strip()
    if not text:
        raise ReplyError("a turn is empty")
    if reply.sample.finish_reason == "length":
        raise ReplyError("a turn was cut off")
    if text in before:
        raise ReplyError("a turn repeats an earlier one")
    return text
