"""OpenAI's protocol: the body of a call, and the reply in what comes back."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stages.ask import Ask, Chat, Message, Raw, Reply, Request, Sample
from stages.engines.http.openai_tools import tool_calls, tools, turns
from stages.engines.http.replies import MALFORMED, NoReplyError, check_model, count, text
from stages.engines.model.logprobs import by_text
from stages.engines.model.models import public_name
from stages.engines.model.reasoning import parted
from stages.errors import EngineError


def call(request: Request, model: str) -> tuple[str, dict[str, Any]]:
    """Path and body of the request.

    Raises:
        EngineError: the protocol has no way to ask it.
    """
    match request.ask.prompt:
        case Chat(messages):
            body = {
                "messages": turns(messages),
                **_options(request, model),
                **_chat_options(request.ask),
            }
            return "chat/completions", body | _prefill(messages)
        case Raw(prompt):
            logprobs = {"logprobs": request.ask.logprobs} if request.ask.logprobs else {}
            return "completions", {"prompt": prompt, **logprobs, **_options(request, model)}
    raise EngineError("a chat server cannot leave a user turn open: give `pre_query`")


def _prefill(messages: Sequence[Message]) -> dict[str, Any]:
    """What vLLM's server and those like it want to hear before they go on with a message."""
    if messages[-1].role != "assistant":
        return {}
    return {"continue_final_message": True, "add_generation_prompt": False}


def _options(request: Request, model: str) -> dict[str, Any]:
    sampling = request.ask.sampling
    options: dict[str, Any] = {
        "model": model,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "n": sampling.samples,
        "seed": request.seed,
    }
    # Not in OpenAI's own protocol; sent only where asked for, so that its servers accept us.
    options |= {"min_p": sampling.min_p} if sampling.min_p else {}
    options |= {"stop_token_ids": list(sampling.stop_ids)} if sampling.stop_ids else {}
    if sampling.repetition_penalty != 1.0:
        options |= {"repetition_penalty": sampling.repetition_penalty}
    if sampling.presence_penalty:
        options |= {"presence_penalty": sampling.presence_penalty}
    if sampling.logit_bias:
        options |= {"logit_bias": {str(token): bias for token, bias in sampling.logit_bias}}
    return options | ({"stop": list(sampling.stop)} if sampling.stop else {})


def _chat_options(ask: Ask) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if ask.logprobs:
        options |= {"logprobs": True, "top_logprobs": ask.logprobs}
    if ask.schema:
        schema = {"name": "reply", "schema": ask.schema, "strict": True}
        options |= {"response_format": {"type": "json_schema", "json_schema": schema}}
    return options | ({"tools": tools(ask.tools)} if ask.tools else {})


def read_reply(body: Any, ask: Ask, model: str, answers_as: str | None) -> Reply:
    """The `Reply` in a completion or chat completion.

    `answers_as`: the name under which the server answers for `model`, where it is another.

    Raises:
        NoReplyError: it is no completion, or not of this model with so many samples.
    """
    try:
        choices = sorted(enumerate(body["choices"]), key=_position)
        usage = body.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        reply = Reply(
            samples=tuple(_sample(choice, ask) for _, choice in choices),
            model=str(body.get("model") or model),
            prompt_tokens=count(usage.get("prompt_tokens")),
            completion_tokens=count(usage.get("completion_tokens")),
            cached_tokens=count(details.get("cached_tokens")),
        )
        places = [_position(each) for each in choices]
    except MALFORMED as error:
        raise NoReplyError(f"the reply is no completion ({error!r})"[:200]) from error
    if places != list(range(ask.sampling.samples)):
        raise NoReplyError(f"asked for {ask.sampling.samples} samples, got numbers {places[:8]}")
    check_model(reply.model, model, answers_as)
    reply = parted(reply, ask)
    # Rows say which model it was, and rows are published: not the folder that it lies in.
    name = public_name(reply.model if answers_as is None else model)
    return reply if reply.model == name else replace(reply, model=name)


def _position(numbered: tuple[int, Mapping[str, Any]]) -> int:
    place, choice = numbered
    index = choice.get("index")
    return place if index is None else int(index)


def _sample(choice: Mapping[str, Any], ask: Ask) -> Sample:
    message = choice.get("message")
    said = text(message["content"] if message else choice["text"])
    thought = (message.get("reasoning_content") or message.get("reasoning")) if message else ""
    logprobs = _logprobs(choice)
    if ask.logprobs and said and not logprobs:
        raise ValueError("no log-probabilities")
    finish = str(choice.get("finish_reason") or "stop")
    calls = tool_calls(message) if message and ask.tools else ()
    return Sample(said, finish, logprobs, text(thought), calls)


def _logprobs(choice: Mapping[str, Any]) -> tuple[Mapping[str, float], ...]:
    found = choice.get("logprobs") or {}
    places: list[Iterable[tuple[Any, Any]]]
    if "content" in found:
        places = [
            [(entry["token"], entry["logprob"]) for entry in position["top_logprobs"]]
            for position in found["content"] or ()
        ]
    else:
        places = [(position or {}).items() for position in found.get("top_logprobs") or ()]
    return tuple(by_text((str(t), _logprob(p)) for t, p in place) for place in places)


def _logprob(value: Any) -> float:
    number = float(value)
    if math.isnan(number):
        raise ValueError("a log-probability that is no number")
    return number
