"""What a stage asks of an engine, and what comes back. Plain data: it travels between processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from stages.errors import ReplyError

Capability = Literal[
    "chat", "raw", "user_turn", "schema", "pattern", "logprobs", "samples", "embed",
    "given", "prefill", "reward", "tools",
]  # fmt: skip
"""What an engine may be able to do; a recipe is refused where a stage wants more."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; `parameters`: a JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model wants made. `arguments`: JSON as the model wrote it, unchecked."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat.

    `tool_calls`: what an assistant's turn called. A turn of role `tool` holds the result of the
    call whose `id` is `tool_call_id`.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation the model answers as the assistant.

    One that ends with words of the assistant is gone on with (capability `prefill`): the reply
    holds what comes after them.
    """

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """Text the model continues as it stands, special tokens included."""

    text: str


@dataclass(frozen=True, slots=True)
class UserTurn:
    """An open user turn: the model writes what a user would say.

    The engine builds it from its tokenizer's chat template, after `system` where given and after
    `messages`, the turns before it.
    """

    system: str | None = None
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """A text to be scored as the assistant's answer to `messages`, not written (`given`)."""

    messages: tuple[Message, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Rated:
    """A conversation to be rated by a reward model (`reward`)."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """Text to embed."""

    text: str


Prompt = Chat | Raw | UserTurn | Passage | Given | Rated


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw tokens.

    `max_tokens` counts new tokens; `samples` replies are drawn. `stop_ids`: tokens that end a
    reply, for engines that never show control tokens as text. Penalties and `logit_bias` (token
    ids with what is added to their logits) as vLLM and the OpenAI protocol define them.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    min_p: float = 0.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    samples: int = 1
    stop_ids: tuple[int, ...] = ()
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    `schema`: a JSON schema the text must follow; `pattern`: a regular expression that it must match
    as a whole. `logprobs`: how many of the likeliest tokens to report with their log-probabilities
    at each position. `engine`: which of the stage's engines is asked, where it has several.
    `tools`: functions that the reply may call instead of answering (`tools`).
    """

    prompt: Prompt
    sampling: Sampling = Sampling()
    schema: Mapping[str, Any] | None = None
    logprobs: int = 0
    pattern: str | None = None
    engine: str = ""
    tools: tuple[Tool, ...] = ()


def texts(prompt: Prompt) -> list[str]:
    """All text that is sent."""
    match prompt:
        case Chat(messages) | Rated(messages):
            return [message.content for message in messages]
        case Given(messages, text):
            return [*(message.content for message in messages), text]
        case UserTurn(system, messages):
            return [system or "", *(message.content for message in messages)]
        case Raw(text) | Passage(text):
            return [text]


@dataclass(frozen=True, slots=True)
class Request:
    """An `Ask` on its way.

    `seed` belongs to this row and stage alone: sampling does not depend on the neighbours.
    """

    index: int
    ask: Ask
    seed: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One drawn reply.

    `logprobs`: a mapping from token to log-probability per position. `reasoning`: what a reasoning
    model thought before it, which is no part of `text`.
    """

    text: str
    finish_reason: str = "stop"
    logprobs: tuple[Mapping[str, float], ...] = ()
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """All samples of one request, or the vector of a `Passage` (float32), and what it took.

    Of a `Given`: `given`, the log-probability of each token of its text.
    """

    samples: tuple[Sample, ...] = ()
    vector: tuple[float, ...] = ()
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt, those that the engine had computed before, where it says so."""
    seconds: float = 0.0
    """From request to reply, the wait for a turn included."""
    given: tuple[float, ...] = ()
    reward: float | None = None
    """Of a `Rated`: what the reward model says."""

    @property
    def sample(self) -> Sample:
        """The first sample.

        Raises:
            ReplyError: there is none.
        """
        if not self.samples:
            raise ReplyError("the reply is empty")
        return self.samples[0]

    @property
    def text(self) -> str:
        """The first sample's text. Raises as `sample` does."""
        return self.sample.text


def chat(user: str, system: str | None = None) -> Chat:
    """A conversation of one user turn, after a system message where given."""
    head = (Message("system", system),) if system else ()
    return Chat((*head, Message("user", user)))


OnParseError = Annotated[
    Literal["retry", "drop", "null", "fail"],
    BeforeValidator(lambda value: "null" if value is None else value),
]
"""What a stage does with a reply that cannot be read."""


def attempts(on_parse_error: OnParseError) -> int:
    """How often a call is made in all if its replies cannot be read."""
    return 3 if on_parse_error == "retry" else 1
