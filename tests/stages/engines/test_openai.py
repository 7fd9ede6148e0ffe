"""The HTTP engine against a real server on loopback that misbehaves on demand."""

import asyncio
import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stages.ask import (
    Ask,
    Chat,
    Given,
    Message,
    Raw,
    Request,
    Sampling,
    Tool,
    ToolCall,
    UserTurn,
    chat,
)
from stages.engines.http.http_call import backoff_s, proxy_for, retry_after_s
from stages.engines.openai import Openai
from stages.errors import EngineError, UserError


def completion(texts, **more):
    choices = [
        {"index": i, "message": {"content": t}, "finish_reason": "stop", **more}
        for i, t in enumerate(texts)
    ]
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    return 200, {}, json.dumps({"model": "m-001", "choices": choices, "usage": usage}).encode()


def ask_all(server, asks, **settings):
    spec = Openai(base_url=server.url, **{"model": "m", "max_retries": 2} | settings)

    async def go():
        engine = spec.open()
        requests = [Request(i, ask, seed=i) for i, ask in enumerate(asks)]
        answers = [answer async for answer in engine.complete(requests)]
        await engine.close()
        return {answer.index: answer.outcome for answer in answers}

    return asyncio.run(go())


ASK = Ask(chat("Name three rivers.", "Be brief."), Sampling(0.5, 0.9, max_tokens=7, stop=("X",)))


def test_a_chat(serve):
    server = serve(lambda *_: completion(["The Nile."]))
    reply = ask_all(server, [ASK])[0]
    assert (reply.text, reply.model) == ("The Nile.", "m-001")
    assert (reply.prompt_tokens, reply.completion_tokens) == (5, 2)
    assert server.paths == ["/v1/chat/completions"]
    assert server.bodies[0] == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Name three rivers."},
        ],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 7,
        "n": 1,
        "seed": 0,
        "stop": ["X"],
    }


def test_a_raw_completion(serve):
    body = {"choices": [{"text": " How?", "finish_reason": "length"}]}
    server = serve(lambda *_: (200, {}, json.dumps(body).encode()))
    reply = ask_all(server, [Ask(Raw("<user>"))])[0]
    assert (reply.text, reply.samples[0].finish_reason) == (" How?", "length")
    assert server.paths == ["/v1/completions"]
    assert server.bodies[0]["prompt"] == "<user>"


def test_penalties_biases_and_a_begun_answer_are_sent(serve):
    server = serve(lambda *_: completion([" and the Rhine."]))
    turns = (Message("user", "Name rivers."), Message("assistant", "The Nile"))
    sampling = Sampling(
        presence_penalty=0.5, repetition_penalty=1.1, logit_bias=((5, -1.0), (7, 2.0))
    )
    assert ask_all(server, [Ask(Chat(turns), sampling)])[0].text == " and the Rhine."
    body = server.bodies[0]
    assert body["continue_final_message"] is True
    assert body["add_generation_prompt"] is False
    assert body["presence_penalty"] == 0.5
    assert body["repetition_penalty"] == 1.1
    assert body["logit_bias"] == {"5": -1.0, "7": 2.0}


SEARCH = Tool(
    "search", "Find passages.", {"type": "object", "properties": {"q": {"type": "string"}}}
)
CALLED = {
    "id": "c1",
    "type": "function",
    "function": {"name": "search", "arguments": '{"q": "Nile"}'},
}


def called(*calls):
    message = {"content": None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return 200, {}, json.dumps({"model": "m", "choices": [choice]}).encode()


def test_a_tool_is_offered_and_called(serve):
    server = serve(lambda *_: called(CALLED))
    sample = ask_all(server, [Ask(chat("How long is the Nile?"), tools=(SEARCH,))])[0].sample
    assert sample.tool_calls == (ToolCall("c1", "search", '{"q": "Nile"}'),)
    assert (sample.text, sample.finish_reason) == ("", "tool_calls")
    function = {"name": "search", "description": "Find passages.", "parameters": SEARCH.parameters}
    assert server.bodies[0]["tools"] == [{"type": "function", "function": function}]


def test_the_result_of_a_call_is_said_as_its_own_turn(serve):
    server = serve(lambda *_: completion(["6,650 km."]))
    turns = (
        Message("user", "How long is the Nile?"),
        Message("assistant", "", (ToolCall("c1", "search", '{"q": "Nile"}'),)),
        Message("tool", "The Nile is 6,650 km long.", tool_call_id="c1"),
    )
    assert ask_all(server, [Ask(Chat(turns), tools=(SEARCH,))])[0].text == "6,650 km."
    assert server.bodies[0]["messages"] == [
        {"role": "user", "content": "How long is the Nile?"},
        {"role": "assistant", "content": "", "tool_calls": [CALLED]},
        {"role": "tool", "content": "The Nile is 6,650 km long.", "tool_call_id": "c1"},
    ]


@pytest.mark.parametrize(
    "call",
    [
        {"id": "c1"},
        {"id": "c1", "function": {"name": "search", "arguments": {"q": "Nile"}}},
        {"id": 1, "function": {"name": "search", "arguments": "{}"}},
        "search",
    ],
)
def test_a_call_of_another_form_is_asked_for_again(serve, call):
    server = serve(lambda *_: called(call if len(server.bodies) == 1 else CALLED))
    reply = ask_all(server, [Ask(chat("How long is the Nile?"), tools=(SEARCH,))])[0]
    assert reply.sample.tool_calls
    assert len(server.bodies) == 2


def test_what_a_server_wants_to_hear_besides(serve):
    server = serve(lambda *_: completion(["Yes."]))
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    ask_all(server, [ASK], extra_body=extra)
    assert server.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}
    assert server.bodies[0]["temperature"] == 0.5
    plain, other = (
        Openai(model="m", base_url=server.url),
        Openai(model="m", base_url=server.url, extra_body=extra),
    )
    assert plain.identity() == {"kind": "openai", "model": "m"}
    assert other.identity() == {"kind": "openai", "model": "m", "extra_body": extra}
    with pytest.raises(ValueError, match="temperature is what stages set"):
        Openai(model="m", base_url=server.url, extra_body={"temperature": 1})


@pytest.mark.parametrize(
    "message",
    [
        {"content": "The Nile.", "reasoning_content": "A river?"},
        {"content": "The Nile.", "reasoning": "A river?"},
        {"content": "<think>\nA river?\n</think>\n\nThe Nile."},
    ],
)
def test_thoughts_are_no_part_of_the_answer(serve, message):
    body = json.dumps({"model": "m", "choices": [{"message": message}]}).encode()
    (sample,) = ask_all(serve(lambda *_: (200, {}, body)), [Ask(chat("x"))])[0].samples
    assert (sample.text, sample.reasoning) == ("The Nile.", "A river?")


def test_samples_schema_and_logprobs(serve):
    logprobs = {"content": [{"top_logprobs": [{"token": "4", "logprob": -0.1}]}]}
    server = serve(lambda *_: completion(["a", "b"], logprobs=logprobs))
    ask = Ask(chat("x"), Sampling(samples=2), schema={"type": "object"}, logprobs=3)
    reply = ask_all(server, [ask])[0]
    assert [s.text for s in reply.samples] == ["a", "b"]
    assert reply.samples[0].logprobs == ({"4": -0.1},)
    body = server.bodies[0]
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (body["n"], body["logprobs"], body["top_logprobs"]) == (2, True, 3)


@pytest.mark.parametrize(
    "fault",
    [
        (429, {}, b""),
        (429, {"retry-after": "0"}, b"slow down"),
        (500, {}, b"<html>oops</html>"),
        (503, {}, b""),
        (200, {}, b"<html>not JSON</html>"),
        (200, {}, b'{"choices": []}'),
        (200, {}, b'{"error": "x"}'),
        (200, {}, b"[]"),
        (200, {}, b'{"choices": [{"message": {}}]}'),
    ],
)
def test_a_passing_fault_is_retried(serve, fault):
    server = serve(lambda _p, _b, attempt: fault if attempt < 3 else completion(["ok"]))
    assert ask_all(server, [ASK])[0].text == "ok"
    assert len(server.bodies) == 3


def test_retries_are_capped_and_the_error_says_so(serve):
    server = serve(lambda *_: (500, {}, b""))
    error = ask_all(server, [ASK])[0]
    assert isinstance(error, EngineError)
    assert error.retryable
    assert str(error) == "HTTP 500 (after 3 tries)"
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("status", "fatal"), [(400, False), (422, False), (401, True), (404, True)]
)
def test_a_refusal_is_not_retried(serve, status, fatal):
    server = serve(lambda *_: (status, {}, b"no"))
    error = ask_all(server, [ASK])[0]
    assert (error.retryable, error.fatal) == (False, fatal)
    assert len(server.bodies) == 1


def test_one_bad_row_costs_only_itself(serve):
    def reply(_path, body, _attempt):
        text = body["messages"][-1]["content"]
        return (400, {}, b"no") if text == "row 3" else completion([text])

    asks = [Ask(chat(f"row {i}")) for i in range(8)]
    outcomes = ask_all(serve(reply), asks)
    assert isinstance(outcomes.pop(3), EngineError)
    assert {i: o.text for i, o in outcomes.items()} == {i: f"row {i}" for i in range(8) if i != 3}


def test_concurrency_is_bounded(serve):
    def slow(*_):
        time.sleep(0.05)
        return completion(["ok"])

    server = serve(slow)
    ask_all(server, [ASK] * 12, max_concurrency=3)
    assert 2 <= server.most <= 3


def test_a_call_that_hangs_is_given_up(serve):
    def hangs(*_):
        time.sleep(1.0)
        return completion(["late"])

    error = ask_all(serve(hangs), [ASK], timeout_s=0.2, max_retries=0)[0]
    assert error.retryable
    assert "Timeout" in str(error)


def test_a_server_that_is_not_there():
    class Nobody:
        url = "http://127.0.0.1:9/v1"

    error = ask_all(Nobody, [ASK], max_retries=0)[0]
    assert error.retryable


def test_the_key_comes_from_the_environment(serve, monkeypatch):
    monkeypatch.setenv("A_KEY", "secret")
    server = serve(lambda *_: completion(["ok"]))
    ask_all(server, [ASK], api_key_env="A_KEY")
    assert server.keys == ["Bearer secret"]
    spec = Openai(model="m", base_url=server.url, api_key_env="A_KEY")
    assert "secret" not in repr(spec) + spec.model_dump_json()


def test_a_user_turn_cannot_be_left_open(serve):
    server = serve(lambda *_: completion(["ok"]))
    assert "pre_query" in str(ask_all(server, [Ask(UserTurn())])[0])


def test_waits():
    assert retry_after_s({"retry-after": "3"}) == 3
    assert retry_after_s({"retry-after": "9999"}) == 60
    assert retry_after_s({"retry-after": "Wed, 21 Oct"}) is None
    assert retry_after_s({}) is None
    assert all(0 <= backoff_s(3) <= 4 for _ in range(50))


def test_the_way_to_this_machine_goes_by_no_proxy(monkeypatch, serve):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("http://far.example/v1") == "http://127.0.0.1:9"
    assert proxy_for("http://inside.example:8000/v1") is None
    server = serve(lambda *_: completion(["x"]))
    assert ask_all(server, [ASK], max_retries=0)[0].text == "x"
    Openai(model="m", base_url=server.url).check()
    for wrong in ("http://far.example/v1", "no address", "http://127.0.0.1:x/v1"):
        with pytest.raises(UserError, match="nothing answers at"):
            Openai(model="m", base_url=wrong).check()


@pytest.mark.parametrize(
    ("said", "fits"),
    [("m-4", True), ("m-4-2024-08-06", True), ("m-4:7b", True), ("m-4-mini", False),
     ("m-4-0613", True), ("m-4-5-20251101", False), ("m-40", False), ("org/m-4", True),
     ("other", False)],
)  # fmt: skip
def test_whose_answer_it_is(serve, said, fits):
    content = {"model": said, "choices": [{"message": {"content": "x"}}]}
    server = serve(lambda *_: (200, {}, json.dumps(content).encode()))
    reply = ask_all(server, [ASK], model="m-4", max_retries=0)[0]
    assert isinstance(reply, EngineError) != fits
    assert fits or f"another model answered, {said} for m-4" in str(reply)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"two\nlines", "schl\u00fcssel".encode()])
def test_a_key_that_is_none(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    for path in (tmp_path / "key", tmp_path, tmp_path / "none"):
        spec = Openai(model="m", base_url="http://127.0.0.1:9/v1", api_key_file=str(path))
        with pytest.raises(UserError, match="key"):
            spec.api_key()


def test_a_port_that_stands_in_one_place_only():
    with pytest.raises(ValueError, match="both base_url and command"):
        Openai(model="m", base_url="http://127.0.0.1:{port}/v1", command=("serve",))


def test_a_key_does_not_follow_a_redirect(monkeypatch):
    """Neither in the look whether a server is there, nor in a call."""
    monkeypatch.setenv("THE_KEY", "sk-secret")
    seen = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(dict(self.headers))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()

    class Redirects(Elsewhere):
        def do_GET(self):
            self.send_response(302)
            self.send_header("location", f"http://localhost:{elsewhere.server_port}/v1/models")
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_GET

    redirects = ThreadingHTTPServer(("127.0.0.1", 0), Redirects)
    threading.Thread(target=redirects.serve_forever, daemon=True).start()
    spec = Openai(model="m", base_url=f"http://127.0.0.1:{redirects.server_port}/v1",
                  api_key_env="THE_KEY", max_retries=0)  # fmt: skip
    try:
        with pytest.raises(UserError, match="answers with a redirect"):
            spec.check()

        async def called():
            engine = spec.open()
            answers = [a async for a in engine.complete([Request(0, ASK, 0)])]
            await engine.close()
            return answers

        assert asyncio.run(called())[0].outcome.fatal
        assert seen == []
    finally:
        elsewhere.shutdown()
        redirects.shutdown()


def test_tokens_that_say_the_same_add_up_and_stop_ids_are_sent(serve):
    entries = [{"token": "yes", "logprob": -1.0}, {"token": "no", "logprob": -3.0},
               {"token": "yes", "logprob": -1.0}]  # fmt: skip
    logprobs = {"content": [{"token": "yes", "logprob": -1.0, "top_logprobs": entries}]}
    server = serve(lambda *_: completion(["yes"], logprobs=logprobs))
    ask = Ask(chat("?"), Sampling(stop_ids=(7, 9)), logprobs=3)
    (place,) = ask_all(server, [ask])[0].sample.logprobs
    assert place["yes"] == pytest.approx(-1.0 + 0.6931472)
    assert server.bodies[0]["stop_token_ids"] == [7, 9]
    ask_all(server, [ASK])
    assert "stop_token_ids" not in server.bodies[1]


def test_a_call_under_which_the_session_is_closed_may_be_made_again(serve):
    server = serve(lambda *_: completion(["x"]))

    async def closed():
        engine = Openai(model="m", base_url=server.url).open()
        await engine.close()
        return [answer async for answer in engine.complete([Request(0, ASK, 0)])]

    (answer,) = asyncio.run(closed())
    assert answer.outcome.retryable
    assert not answer.outcome.fatal


def scored(tokens, before=(5, 6, 7), answered=None):
    """What vLLM's server answers: first to the conversation alone, then with the text in it."""

    def reply(_path, body, _attempt):
        places = {"prompt_token_ids": list(before), "prompt_logprobs": None}
        if "prompt_logprobs" in body:
            own = range(100, 100 + len(tokens))
            places["prompt_token_ids"] = [*(answered or before), *own]
            places["prompt_logprobs"] = [None, *[{"9": {"decoded_token": "?", "logprob": -9}}] * 2]
            for n, (number, token) in enumerate(zip(own, tokens, strict=True)):
                score = {"decoded_token": token, "logprob": -9999.0 if token == "!" else -n / 2}
                places["prompt_logprobs"].append({str(number): score})
        usage = {"prompt_tokens": len(places["prompt_token_ids"]), "completion_tokens": 1}
        answer = {"model": "m", "usage": usage, "choices": [], **places}
        return 200, {}, json.dumps(answer).encode()

    return reply


def given(text):
    return Ask(Given((Message("user", "Name one."),), text))


def test_a_given_text(serve):
    server = serve(scored(["The", " Nile", "."]))
    reply = ask_all(server, [given("The Nile.")])[0]
    assert reply.given == (0.0, -0.5, -1.0)
    assert (reply.prompt_tokens, reply.completion_tokens) == (9, 2)
    before, whole = server.bodies
    assert before["messages"] == whole["messages"][:1]
    assert whole["messages"][1] == {"role": "assistant", "content": "The Nile."}
    assert whole["continue_final_message"] is True


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["caf", "\ufffd", "\ufffd", "!"], "caf\u00e9!"),
        (["e\u0301"], "\u00e9"),
        (["\u00e9"], "e\u0301"),
        (["A \ufffd", "\ufffdB"], "A \u6570B"),
        (["A"], " A\n"),
    ],
)
def test_tokens_that_are_the_texts(serve, tokens, text):
    reply = ask_all(serve(scored(tokens)), [given(text)])[0]
    assert len(reply.given) == len(tokens)
    assert (-math.inf in reply.given) == ("!" in tokens)


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (lambda *_: completion(["A"]), "scores no given text"),
        (scored(["<think>", "The", " Nile", "."]), "the server scored '<think>The Nile.'"),
        (scored(["<think>", "\ufffd", " Nile", "."]), "the server scored"),
        (scored(["The", " Nile", "."], answered=(5, 6, 8)), "no token begins where the text does"),
        (lambda *_: (200, {}, b"[]"), "no completion"),
    ],
)
def test_a_server_that_scores_nothing(serve, reply, cause):
    error = ask_all(serve(reply), [given("The Nile.")])[0]
    assert isinstance(error, EngineError)
    assert cause in str(error)


def test_a_given_text_must_be_one(serve):
    error = ask_all(serve(scored([])), [given("")])[0]
    assert "empty" in str(error)


def test_a_key_is_hidden_before_what_a_server_says_is_cut(serve, monkeypatch):
    key = "sk-" + "secret" * 12
    monkeypatch.setenv("THE_KEY", key)
    said = json.dumps({"error": "x" * 150 + key}).encode()
    error = ask_all(serve(lambda *_: (400, {}, said)), [ASK], api_key_env="THE_KEY")[0]
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("status", "headers", "body", "fatal", "calls"),
    [
        (402, {}, b"{}", True, 1),
        (400, {}, b'{"type": "billing_error"}', True, 1),
        (400, {}, b'{"reason": "API_KEY_INVALID"}', True, 1),
        (503, {"x-should-retry": "false"}, b"{}", False, 1),
        (429, {}, b'{"details": [{"retryDelay": "0.2s"}]}', False, 3),
    ],
)
def test_what_providers_say_besides(serve, status, headers, body, fatal, calls):
    server = serve(lambda *_: (status, headers, body))
    began = time.monotonic()
    error = ask_all(server, [ASK])[0]
    assert error.fatal is fatal
    assert len(server.bodies) == calls
    if calls > 1:
        assert time.monotonic() - began >= 0.4
