"""Let a model play the user and another the assistant, for some turns.

In:  {instruction: "Name three rivers."}
Out: {messages: [{role: user, content: "Name three rivers."}, {role: assistant, content: "…"},
      {role: user, content: "…"}, …]}, and {turns: 3}

The user's first turn is the row's instruction. How each later one is written is said by `user`:

    prompt     asked for in a prompt that holds the conversation, as in UltraChat (arXiv:2305.14233)
    flipped    by a model that was trained to be a user: it sees the conversation with the roles
               exchanged, as UserGPT does (PlatoLM, arXiv:2308.11534)
    open_turn  the model goes on with an open user turn, as in Magpie's multi-turn sets, where
               `user_system` says what users do and the assistant does not see it

A user who gives thanks or speaks as an assistant does, and turns that repeat an earlier one, make
the reply unreadable. With two engines the first answers and the second plays the user.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Chat, Message, Reply, UserTurn, chat
from stages.base import Columns, Fate, Kept, MultiCallStage, Role, Row
from stages.errors import ReplyError
from stages.shared.conversation import MESSAGES
from stages.shared.replies import reading
from stages.shared.sampled import SamplingSettings
from stages.shared.texts.leaks import refuse_leaks
from stages.shared.texts.requests import serves
from stages.shared.texts.same import key
from stages.shared.texts.words import count_words, rouge_l

_SAME = 0.85
"""ROUGE-L above which a user's turn repeats an earlier one, where it is long."""
_LONG = 12
"""Words of a long turn; in a short one the word that differs is the question."""


class Simulate(SamplingSettings, MultiCallStage):
    """The transcript is a column; no turn is kept without an answer."""

    version: ClassVar[int] = 4
    role: ClassVar[Role] = "generate"
    cites: ClassVar[tuple[str, ...]] = ("ultrachat", "platolm")
    adds: ClassVar[Columns] = {"messages": MESSAGES, "turns": pa.int64()}

    turns: int = Field(3, ge=1, le=32)
    """Turns of the user, the instruction counted."""
    user: Literal["prompt", "flipped", "open_turn"] = "prompt"
    system: str | None = None
    """The assistant's; `{{ profile }}` in it is filled from the row's column of that name."""
    user_system: str | None = None
    """The user's, filled likewise; not for `prompt`."""

    @model_validator(mode="after")
    def _two_at_most(self) -> Self:
        if len(self.engines) > 2:
            raise ValueError("one engine, or two: the assistant's and the user's")
        if self.user == "prompt" and self.user_system is not None:
            raise ValueError("`user_system` is for `user: flipped` and `user: open_turn`")
        return self

    @property
    @override
    def prompts(self) -> tuple[str, ...]:
        return ("dialogue/user",) if self.user == "prompt" else ()

    @property
    @override
    def requires(self) -> frozenset[Capability]:
        return frozenset({"chat", "user_turn"} if self.user == "open_turn" else {"chat"})

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        texts = (self.system or "", self.user_system or "")
        return tuple(dict.fromkeys(["instruction", *(h for t in texts for h in prompts.holes(t))]))

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
                if len(texts) % 2:
                    self._refuse_user(texts[-1])
        if len(texts) == 2 * self.turns:
            messages = [{"role": _role(i), "content": text} for i, text in enumerate(texts)]
            return Kept({"messages": messages, "turns": self.turns})
        answering = len(texts) % 2 == 1
        prompt = self._assistant(row, texts) if answering else self._user(row, texts)
        engine = self.engines[0] if answering else self.engines[-1]
        return Ask(prompt, self.sampling(), engine=engine)

    def _refuse_user(self, text: str) -> None:
        if serves(text):
            raise ReplyError(f"the user speaks as an assistant does, or gives thanks: {text[:60]}")
        for name in self.prompts:
            refuse_leaks(text, prompts.text(name))

    def _assistant(self, row: Row, texts: Sequence[str]) -> Chat:
        return Chat((*_system(self.system, row), *_said_by(texts)))

    def _user(self, row: Row, texts: Sequence[str]) -> Chat | UserTurn:
        if self.user == "open_turn":
            system = prompts.fill(self.user_system, row) if self.user_system else None
            return UserTurn(system, _said_by(texts))
        if self.user == "flipped":
            return Chat((*_system(self.user_system, row), *_said_by(texts, first=1)))
        turns = [(_role(i), text) for i, text in enumerate(texts)]
        return chat(prompts.render("dialogue/user", turns=turns))


def _system(text: str | None, row: Row) -> tuple[Message, ...]:
    return (Message("system", prompts.fill(text, row)),) if text else ()


def _said_by(texts: Sequence[str], first: int = 0) -> tuple[Message, ...]:
    return tuple(Message(_role(i), text) for i, text in enumerate(texts, first))


def _role(number: int) -> Literal["user", "assistant"]:
    return "assistant" if number % 2 else "user"


def _said(reply: Reply, before: Sequence[str]) -> str:
    """A turn's text.

    Raises:
        ReplyError: it is empty, was cut off, or says what was said before; of a user also nearly
            the same as one of the user's earlier turns.
    """
    text = reply.text.strip()
    if not text:
        raise ReplyError("a turn is empty")
    if reply.sample.finish_reason == "length":
        raise ReplyError("a turn was cut off")
    own = before[::2] if len(before) % 2 == 0 and count_words(text) >= _LONG else ()
    again = any(rouge_l(text, said) > _SAME for said in own)
    if again or key(text) in map(key, before):
        raise ReplyError("a turn repeats an earlier one")
    return text
