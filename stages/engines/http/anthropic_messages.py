"""Anthropic's protocol: the body of a call, and the reply in what comes back.

After the types of its Python client (anthropic 2.11, MIT).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stages.ask import Ask, Chat, Reply, Request, Sample, Sampling
from stages.engines.http.http_engine import turns
from stages.engines.http.replies import MALFORMED, NoReplyError, check_model, count, text
from stages.errors import EngineError

_FINISHED = {"max_tokens": "length", "model_context_window_exceeded": "length",
             "refusal": "content_filter"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Messages:
    """`own_sampling`: the model draws as its maker has set it."""

    own_sampling: bool = False

    def call(self, request: Request, model: str) -> tuple[str, dict[str, Any]]:
        """See `Wire`."""
        prompt = request.ask.prompt
        if not isinstance(prompt, Chat):
            raise EngineError("Anthropic's endpoint answers chats, and nothing else")
        last = prompt.messages[-1]
        if last.role == "assistant" and last.content != last.content.rstrip():
            raise EngineError("Anthropic's endpoint takes no begun answer that ends in white space")
        system = [m.content for m in prompt.messages if m.role == "system"]
        said = [m for m in prompt.messages if m.role != "system"]
        body: dict[str, Any] = {"model": model, "messages": turns(said)}
        body |= {"system": "\n\n".join(system)} if system else {}
        return "messages", body | self._options(request.ask)

    def _options(self, ask: Ask) -> dict[str, Any]:
        sampling = ask.sampling
        unknown = _unknown(sampling)
        if unknown:
            raise EngineError(f"Anthropic's endpoint has no {' and no '.join(unknown)}")
        options: dict[str, Any] = {"max_tokens": sampling.max_tokens}
        if not self.own_sampling:
            options |= _drawing(sampling)
        if sampling.stop:
            options["stop_sequences"] = list(sampling.stop)
        if ask.schema is not None:
            schema = {"type": "json_schema", "schema": understood(ask.schema)}
            options["output_config"] = {"format": schema}
        return options

    def read_reply(self, body: Any, ask: Ask, model: str, answers_as: str | None) -> Reply:
        """See `Wire`."""
        try:
            usage = body["usage"]
            blocks = body["content"]
            read, kept = (
                count(usage.get(f"cache_{what}_input_tokens")) for what in ("read", "creation")
            )
            finish = _FINISHED.get(str(body.get("stop_reason")), "stop")
            sample = Sample(_joined(blocks, "text"), finish, (), _joined(blocks, "thinking"))
            said = str(body["model"])
            reply = Reply(
                samples=(sample,),
                model=said,
                prompt_tokens=count(usage["input_tokens"]) + read + kept,
                completion_tokens=count(usage["output_tokens"]),
                cached_tokens=read,
            )
        except MALFORMED as error:
            raise NoReplyError(f"the reply is no message ({error!r})"[:200]) from error
        check_model(said, model, answers_as)
        return reply


def _drawing(sampling: Sampling) -> dict[str, float]:
    """Temperature or `top_p`: the endpoint takes one of the two."""
    if sampling.top_p == Sampling().top_p:
        return {"temperature": sampling.temperature}
    if sampling.temperature != 1.0:
        raise EngineError("Anthropic's endpoint takes a temperature or top_p, and not both")
    return {"top_p": sampling.top_p}


_UNDERSTOOD = ("type", "enum", "const", "description", "title", "required", "$ref")
_SCHEMAS = ("properties", "$defs", "definitions")


def understood(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a JSON schema that the endpoint holds a reply to; the rest is for the stage.

    As its Python client reduces schemas: no lengths and bounds, no further properties.
    """
    found = {key: schema[key] for key in _UNDERSTOOD if key in schema}
    for key in _SCHEMAS:
        if key in schema:
            found[key] = {name: understood(each) for name, each in schema[key].items()}
    for key, name in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
        if key in schema:
            found[name] = [understood(each) for each in schema[key]]
    if "items" in schema:
        found["items"] = understood(schema["items"])
        if schema.get("minItems") in (0, 1):
            found["minItems"] = schema["minItems"]
    if found.get("type") == "object":
        found["additionalProperties"] = False
    return found


def _joined(blocks: list[Mapping[str, Any]], kind: str) -> str:
    return "".join(text(block[kind]) for block in blocks if block["type"] == kind)


def _unknown(sampling: Sampling) -> list[str]:
    """Settings that a stage wants, and the protocol does not know."""
    plain = Sampling()
    names = ("min_p", "stop_ids", "presence_penalty", "repetition_penalty", "logit_bias", "samples")
    return [name for name in names if getattr(sampling, name) != getattr(plain, name)]
