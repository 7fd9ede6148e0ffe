"""The Gemini API's protocol: the body of a call, and the reply in what comes back.

After https://ai.google.dev/api/generate-content.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from stages.ask import Ask, Chat, Reply, Request, Sample, Sampling
from stages.engines.http.replies import MALFORMED, NoReplyError, check_model, count, text
from stages.errors import EngineError

_BITS = 2**31
"""Seeds are int32."""
_FINISHED = {"STOP": "stop", "MAX_TOKENS": "length"}
"""Its other reasons are refusals for the most part."""


def call(request: Request, model: str) -> tuple[str, dict[str, Any]]:
    """Path and body of the request.

    Raises:
        EngineError: the protocol has no way to ask it.
    """
    prompt = request.ask.prompt
    if not isinstance(prompt, Chat):
        raise EngineError("Gemini's endpoint answers chats, and nothing else")
    if prompt.messages[-1].role != "user":
        raise EngineError("Gemini's endpoint does not go on with an answer that is begun")
    system = [_part(m.content) for m in prompt.messages if m.role == "system"]
    said = [
        {"role": "user" if m.role == "user" else "model", "parts": [_part(m.content)]}
        for m in prompt.messages
        if m.role != "system"
    ]
    body: dict[str, Any] = {"contents": said, "generationConfig": _options(request)}
    body |= {"systemInstruction": {"parts": system}} if system else {}
    return f"models/{quote(model, safe='')}:generateContent", body


def _part(content: str) -> dict[str, str]:
    return {"text": content}


def _options(request: Request) -> dict[str, Any]:
    sampling, plain = request.ask.sampling, Sampling()
    unknown = [
        name
        for name in ("min_p", "stop_ids", "repetition_penalty", "logit_bias")
        if getattr(sampling, name) != getattr(plain, name)
    ]
    if unknown:
        raise EngineError(f"Gemini's endpoint has no {' and no '.join(unknown)}")
    options: dict[str, Any] = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "maxOutputTokens": sampling.max_tokens,
        "candidateCount": sampling.samples,
        "seed": request.seed % _BITS,
    }
    options |= {"stopSequences": list(sampling.stop)} if sampling.stop else {}
    if sampling.presence_penalty:
        options["presencePenalty"] = sampling.presence_penalty
    if request.ask.schema is not None:
        options["responseMimeType"] = "application/json"
        options["responseJsonSchema"] = dict(request.ask.schema)
    return options


def read_reply(body: Any, ask: Ask, model: str, answers_as: str | None) -> Reply:
    """The `Reply` in a response.

    Raises:
        NoReplyError: it is not a response, or not of this model with so many samples.
        EngineError: the prompt was refused, or samples are missing: they may have been.
    """
    try:
        refused = (body.get("promptFeedback") or {}).get("blockReason")
        if refused:
            raise EngineError(f"the prompt was refused ({str(refused)[:80]})")
        if not body.get("candidates"):
            raise EngineError("the endpoint answered with no candidate")
        candidates = sorted(enumerate(body["candidates"]), key=_position)
        places = [_position(each) for each in candidates]
        usage = body.get("usageMetadata") or {}
        thought = count(usage.get("thoughtsTokenCount"))
        said = str(body.get("modelVersion") or model).removeprefix("models/")
        reply = Reply(
            samples=tuple(_sample(candidate) for _, candidate in candidates),
            model=said,
            prompt_tokens=count(usage.get("promptTokenCount")),
            completion_tokens=count(usage.get("candidatesTokenCount")) + thought,
            cached_tokens=count(usage.get("cachedContentTokenCount")),
        )
    except MALFORMED as error:
        raise NoReplyError(f"the reply is no response ({error!r})"[:200]) from error
    if places != list(range(ask.sampling.samples)):
        raise EngineError(f"asked for {ask.sampling.samples} samples, got numbers {places[:8]}")
    check_model(said, model, answers_as)
    return reply


def _position(numbered: tuple[int, Mapping[str, Any]]) -> int:
    place, candidate = numbered
    index = candidate.get("index")
    return place if index is None else int(index)


def _sample(candidate: Mapping[str, Any]) -> Sample:
    parts = (candidate.get("content") or {}).get("parts") or []
    texts = {
        thought: "".join(text(p.get("text")) for p in parts if bool(p.get("thought")) is thought)
        for thought in (False, True)
    }
    finish = str(candidate.get("finishReason") or "STOP")
    return Sample(texts[False], _FINISHED.get(finish, "content_filter"), (), texts[True])
