"""A given text scored by a server: vLLM's `prompt_logprobs`, beside OpenAI's protocol.

Two calls: one gives the tokens of the conversation up to where an answer begins, the other the
tokens of the conversation with the answer in it, and how likely each was.
"""

import math
import re
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from stages.ask import Given, Reply
from stages.engines.http.endpoint_spec import EndpointSpec
from stages.engines.http.http_engine import turns
from stages.engines.http.replies import MALFORMED, NoReplyError, check_model, count
from stages.engines.model.models import public_name
from stages.errors import EngineError

_HALF = "\ufffd"
_SCORES_NOTHING = (
    "the server scores no given text: that takes vLLM's prompt_logprobs and return_token_ids"
)
_IMPOSSIBLE = -9999.0
"""What vLLM's server writes for a log-probability of minus infinity."""


def calls(prompt: Given, model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The bodies of both calls; each has one token written, which is not looked at.

    Raises:
        EngineError: there is nothing to score.
    """
    if not prompt.text:
        raise EngineError("the text to be scored is empty")
    options = {"model": model, "max_tokens": 1, "temperature": 0, "return_token_ids": True}
    before = turns(prompt.messages)
    answered = [*before, {"role": "assistant", "content": prompt.text}]
    stay = {"continue_final_message": True, "add_generation_prompt": False}
    return (
        {"messages": before, **options},
        {"messages": answered, **options, **stay, "prompt_logprobs": 0},
    )


@dataclass(frozen=True, slots=True)
class Scores:
    """Reads both answers: `before` the first, `read` the second."""

    prompt: Given
    spec: EndpointSpec

    def before(self, body: Any) -> Reply:
        """The conversation's tokens, as numbers in `given`.

        Raises:
            NoReplyError: the body is no completion.
            EngineError: the server does not give the tokens.
        """
        return self._reply(body, tuple(map(float, self._tokens(body))))

    def read(self, body: Any, before: tuple[float, ...]) -> Reply:
        """The log-probabilities of the tokens behind those of the conversation.

        Raises:
            NoReplyError: the body is no completion, or not of this model.
            EngineError: the server does not score texts, or does not put the text alone there.
        """
        tokens, length = self._tokens(body), len(before)
        if body.get("prompt_logprobs") is None:
            raise EngineError(_SCORES_NOTHING, fatal=True)
        if tuple(tokens[:length]) != before:
            raise EngineError("no token begins where the text does: it runs into what is before it")
        try:
            places = body["prompt_logprobs"][length:]
            own = [place[str(token)] for place, token in zip(places, tokens[length:], strict=True)]
            said = "".join(each["decoded_token"] for each in own)
            found = [float(each["logprob"]) for each in own]
        except MALFORMED as error:
            raise NoReplyError(f"the reply is no completion ({error!r})"[:200]) from error
        if not _is_said(said, self.prompt.text):
            wanted = self.prompt.text[:60]
            raise EngineError(f"the server scored {said[:60]!r}, where {wanted!r} was given")
        given = tuple(p if p > _IMPOSSIBLE else -math.inf for p in found)
        return self._reply(body, given)

    def _tokens(self, body: Any) -> list[int]:
        try:
            tokens = body.get("prompt_token_ids")
        except AttributeError as error:
            raise NoReplyError(f"the reply is no completion ({error!r})"[:200]) from error
        if not isinstance(tokens, list):
            raise EngineError(_SCORES_NOTHING, fatal=True)
        return tokens

    def _reply(self, body: Any, given: tuple[float, ...]) -> Reply:
        try:
            usage, model = body["usage"], str(body.get("model") or self.spec.model)
            read, written = count(usage["prompt_tokens"]), count(usage.get("completion_tokens"))
        except MALFORMED as error:
            raise NoReplyError(f"the reply is no completion ({error!r})"[:200]) from error
        check_model(model, self.spec.model, self.spec.answers_as)
        name = public_name(model)
        return Reply(model=name, prompt_tokens=read, completion_tokens=written, given=given)


def _is_said(said: str, given: str) -> bool:
    """Whether the tokens are the text's: templates trim around it, tokenizers compose letters.

    Half of a character is shown as U+FFFD, which stands for anything.
    """
    parts = re.split(f"{_HALF}+", normalize("NFC", said).strip())
    wanted = normalize("NFC", given).replace(_HALF, "").strip()
    return re.fullmatch(".*?".join(map(re.escape, parts)), wanted, re.DOTALL) is not None
