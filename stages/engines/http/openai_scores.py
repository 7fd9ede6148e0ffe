"""A given text scored by a server: vLLM's `prompt_logprobs`, beside OpenAI's protocol.

Two calls: one says how many tokens the conversation has up to where an answer begins, the other
how likely each token was of the conversation with the answer in it.
"""

from typing import Any

from stages.ask import Given, Reply
from stages.engines.http.endpoint_spec import EndpointSpec
from stages.engines.http.http_engine import turns
from stages.engines.http.replies import MALFORMED, NoReplyError, check_model, count
from stages.engines.model.models import public_name
from stages.errors import EngineError


def calls(prompt: Given, model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The bodies of both calls; each has one token written, which is not looked at.

    Raises:
        EngineError: there is nothing to score.
    """
    if not prompt.text:
        raise EngineError("the text to be scored is empty")
    options = {"model": model, "max_tokens": 1, "temperature": 0}
    before = turns(prompt.messages)
    answered = [*before, {"role": "assistant", "content": prompt.text}]
    stay = {"continue_final_message": True, "add_generation_prompt": False}
    return (
        {"messages": before, **options},
        {"messages": answered, **options, **stay, "prompt_logprobs": 0},
    )


def read_length(body: Any) -> Reply:
    """A reply that says how many tokens the conversation has, and nothing else.

    Raises:
        NoReplyError: the body does not say it.
    """
    try:
        return Reply(prompt_tokens=count(body["usage"]["prompt_tokens"]))
    except MALFORMED as error:
        raise NoReplyError(f"the reply is no completion ({error!r})"[:200]) from error


def read_scores(body: Any, prompt: Given, before: int, spec: EndpointSpec) -> Reply:
    """The log-probabilities of the tokens behind the first `before`, which are the text's.

    Raises:
        NoReplyError: the body is no completion, or not of this model.
        EngineError: the server does not score texts, or puts more than the text there.
    """
    try:
        places = body.get("prompt_logprobs")
        if places is None:
            raise EngineError("the server scores no given text: it has no `prompt_logprobs`")
        own = [next(iter(place.values())) for place in places[before:]]
        said = "".join(each["decoded_token"] for each in own)
        given = tuple(float(each["logprob"]) for each in own)
        tokens, model = count(body["usage"]["prompt_tokens"]), str(body.get("model") or spec.model)
    except MALFORMED as error:
        raise NoReplyError(f"the reply is no completion ({error!r})"[:200]) from error
    check_model(model, spec.model, spec.answers_as)
    # Half of a character is shown as a mark; templates trim what stands around an answer.
    if "\ufffd" not in said and said.strip() != prompt.text.strip():
        raise EngineError(f"the server scored {said[:60]!r}, where {prompt.text[:60]!r} was given")
    return Reply(model=public_name(model), prompt_tokens=before + tokens, given=given)
