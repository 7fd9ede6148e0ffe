"""Anthropic's and Google's own protocols against a server on loopback."""

import asyncio
import json

import pytest

from stages.ask import Ask, Chat, Message, Raw, Request, Sampling, chat
from stages.engines.anthropic import Anthropic
from stages.engines.gemini import Gemini
from stages.engines.http.anthropic_messages import understood
from stages.errors import EngineError, UserError

SCHEMA = {"type": "object", "properties": {"grade": {"type": "integer"}}}
ASK = Ask(chat("Name three rivers.", "Be brief."), Sampling(0.5, max_tokens=7, stop=("X",)))


def ask_all(spec, *asks):
    async def go():
        engine = spec.open()
        requests = [Request(i, ask, seed=2**40 + i) for i, ask in enumerate(asks)]
        answers = [answer async for answer in engine.complete(requests)]
        await engine.close()
        return [answer.outcome for answer in sorted(answers, key=lambda a: a.index)]

    return asyncio.run(go())


def anthropic(server, **settings):
    settings = {"model": "claude", "max_retries": 1, "api_key_env": "THE_KEY"} | settings
    return Anthropic(base_url=server.url, **settings)


def gemini(server, **settings):
    settings = {"model": "gem", "max_retries": 1, "api_key_env": "THE_KEY"} | settings
    return Gemini(base_url=server.url, **settings)


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("THE_KEY", "sk-secret")


def message(*blocks, stop="end_turn", **usage):
    usage = {"input_tokens": 5, "output_tokens": 2} | usage
    body = {"type": "message", "model": "claude-20260101", "content": blocks, "stop_reason": stop}
    return 200, {}, json.dumps(body | {"usage": usage}).encode()


def response(*texts, finish="STOP", **more):
    candidates = [{"content": {"parts": t}, "finishReason": finish} for t in texts]
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 3}
    body = {"candidates": candidates, "usageMetadata": usage, "modelVersion": "gem-001"} | more
    return 200, {}, json.dumps(body).encode()


def test_a_message(serve):
    said = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "The Nile."}]
    server = serve(lambda *_: message(*said, cache_read_input_tokens=3))
    (reply,) = ask_all(anthropic(server), ASK)
    assert (reply.text, reply.sample.reasoning) == ("The Nile.", "Hm.")
    assert (reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens) == (8, 3, 2)
    assert reply.model == "claude-20260101"
    assert server.paths == ["/v1/messages"]
    assert server.headers[0]["x-api-key"] == "sk-secret"
    assert "anthropic-version" in server.headers[0]
    assert server.bodies[0] == {
        "model": "claude",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Name three rivers."}],
        "max_tokens": 7,
        "temperature": 0.5,
        "stop_sequences": ["X"],
    }


def test_a_model_that_takes_no_temperature(serve):
    server = serve(lambda *_: message({"type": "text", "text": "A"}))
    plain, own = anthropic(server), anthropic(server, own_sampling=True)
    ask_all(own, ASK)
    assert "temperature" not in server.bodies[0]
    assert own.identity() != plain.identity()


def test_a_message_in_a_form(serve):
    server = serve(lambda *_: message({"type": "text", "text": "{}"}))
    ask_all(anthropic(server), Ask(chat("Grade."), schema=SCHEMA))
    schema = {**SCHEMA, "additionalProperties": False}
    form = {"format": {"type": "json_schema", "schema": schema}}
    assert server.bodies[0]["output_config"] == form


def test_a_schema_without_what_the_endpoint_does_not_know():
    texts = {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 3}
    kinds = {"oneOf": [{"type": "string", "pattern": "x"}, {"$ref": "#/$defs/n"}]}
    schema = {
        "type": "object", "properties": {"texts": texts, "kind": kinds}, "required": ["texts"],
        "$defs": {"n": {"type": "integer", "minimum": 3}}, "patternProperties": {},
    }  # fmt: skip
    assert understood(schema) == {
        "type": "object",
        "properties": {
            "texts": {"type": "array", "items": {"type": "string"}},
            "kind": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/n"}]},
        },
        "required": ["texts"],
        "$defs": {"n": {"type": "integer"}},
        "additionalProperties": False,
    }


def test_a_response(serve):
    said = [{"text": "Hm.", "thought": True}, {"text": "The "}, {"text": "Nile."}]
    server = serve(lambda *_: response(said, [{"text": "The Po."}]))
    ask = Ask(ASK.prompt, Sampling(0.5, max_tokens=7, stop=("X",), samples=2), schema=SCHEMA)
    (reply,) = ask_all(gemini(server), ask)
    assert [s.text for s in reply.samples] == ["The Nile.", "The Po."]
    assert reply.sample.reasoning == "Hm."
    assert (reply.prompt_tokens, reply.completion_tokens, reply.model) == (5, 5, "gem-001")
    assert server.paths == ["/v1/models/gem:generateContent"]
    assert server.headers[0]["x-goog-api-key"] == "sk-secret"
    assert server.bodies[0] == {
        "contents": [{"role": "user", "parts": [{"text": "Name three rivers."}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {
            "temperature": 0.5,
            "topP": 1.0,
            "maxOutputTokens": 7,
            "candidateCount": 2,
            "seed": 2**40 % 2**31,
            "stopSequences": ["X"],
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
        },
    }


@pytest.mark.parametrize(
    ("make", "reply", "finish"),
    [
        (anthropic, message({"type": "text", "text": "A"}, stop="max_tokens"), "length"),
        (anthropic, message(stop="refusal"), "content_filter"),
        (gemini, response([{"text": "A"}], finish="MAX_TOKENS"), "length"),
        (gemini, response([], finish="SAFETY"), "content_filter"),
    ],
)
def test_how_a_reply_ends(serve, make, reply, finish):
    (found,) = ask_all(make(serve(lambda *_: reply)), ASK)
    assert found.sample.finish_reason == finish


BEGUN = Chat((Message("user", "Hi"), Message("assistant", "Good")))


@pytest.mark.parametrize(
    ("make", "ask", "cause"),
    [
        (anthropic, Ask(Raw("x")), "answers chats, and nothing else"),
        (gemini, Ask(Raw("x")), "answers chats, and nothing else"),
        (gemini, Ask(BEGUN), "does not go on with an answer that is begun"),
        (anthropic, Ask(chat("x"), Sampling(min_p=0.1)), "has no min_p"),
        (anthropic, Ask(chat("x"), Sampling(samples=2)), "has no samples"),
        (gemini, Ask(chat("x"), Sampling(stop_ids=(1,))), "has no stop_ids"),
        (anthropic, Ask(chat("x"), Sampling(0.5, 0.9)), "a temperature or top_p, and not both"),
        (
            anthropic,
            Ask(Chat((Message("user", "Hi"), Message("assistant", "Good ")))),
            "ends in white space",
        ),
    ],
)
def test_what_it_cannot_be_asked(serve, make, ask, cause):
    server = serve(lambda *_: message())
    (error,) = ask_all(make(server), ask)
    assert isinstance(error, EngineError)
    assert cause in str(error)
    assert not server.bodies


@pytest.mark.parametrize("make", [anthropic, gemini])
@pytest.mark.parametrize(
    ("reply", "cause", "calls"),
    [
        ((200, {}, b"[]"), "the reply is no", 2),
        ((200, {}, b'{"content": 3, "candidates": 3, "usage": {}}'), "the reply is no", 2),
        ((529, {"retry-after": "0"}, b"{}"), "HTTP 529", 2),
        ((400, {}, b'{"error": "sk-secret is wrong"}'), "HTTP 400", 1),
        ((401, {}, b"{}"), "HTTP 401", 1),
    ],
)
def test_replies_that_are_none(serve, make, reply, cause, calls):
    server = serve(lambda *_: reply)
    (error,) = ask_all(make(server), ASK)
    assert isinstance(error, EngineError)
    assert cause in str(error)
    assert "sk-secret" not in str(error)
    assert len(server.bodies) == calls
    assert error.fatal == (reply[0] == 401)


def test_another_model_is_not_taken_for_it(serve):
    server = serve(lambda *_: message({"type": "text", "text": "A"}))
    (error,) = ask_all(anthropic(server, model="claude-opus"), ASK)
    assert "another model answered" in str(error)
    (reply,) = ask_all(anthropic(server, model="opus", answers_as="claude-20260101"), ASK)
    assert reply.text == "A"


def numbered(*indices):
    candidates = [
        {"index": i, "content": {"parts": [{"text": f"sample {i}"}]}, "finishReason": "STOP"}
        for i in indices
    ]
    return 200, {}, json.dumps({"candidates": candidates, "modelVersion": "gem"}).encode()


def test_samples_are_in_their_order(serve):
    ask = Ask(chat("x"), Sampling(samples=2))
    (reply,) = ask_all(gemini(serve(lambda *_: numbered(1, 0))), ask)
    assert [s.text for s in reply.samples] == ["sample 0", "sample 1"]
    for said, cause in ((numbered(1), "got numbers [1]"), (numbered(), "no candidate")):
        server = serve(lambda *_, said=said: said)
        (error,) = ask_all(gemini(server), ask)
        assert cause in str(error)
        assert len(server.bodies) == 1


def test_a_prompt_that_is_refused(serve):
    body = {"promptFeedback": {"blockReason": "SAFETY"}}
    server = serve(lambda *_: (200, {}, json.dumps(body).encode()))
    (error,) = ask_all(gemini(server), ASK)
    assert str(error) == "the prompt was refused (SAFETY)"
    assert len(server.bodies) == 1


@pytest.mark.parametrize("make", [anthropic, gemini])
def test_a_key_that_is_not_there(serve, make, monkeypatch):
    monkeypatch.delenv("THE_KEY")
    with pytest.raises(UserError, match="THE_KEY is not set"):
        make(serve(lambda *_: message())).check()
