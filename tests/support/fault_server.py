"""A server that speaks the OpenAI protocol on loopback and misbehaves on demand.

    python tests/support/fault_server.py --weather '{"rate": 0.2, "faults": ["http_429", "reset"]}'

prints its address. What it answers is a function of the request alone (`re: ` and the last
message), so that an answer that reached another row is seen; which fault befalls it is a function
of request, attempt and seed. GET /stats says how often each request came; POST /weather changes
the weather and begins to count again.
"""

import argparse
import asyncio
import hashlib
import json
import random
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

from aiohttp import web

ROOT = Path(__file__).parents[2]
PERMANENT = ("empty_answer", "length_cut", "odd_characters", "reordered")
"""Answers all the same: they are taken as they are, not asked again."""


def completion(body, **more):
    """The honest answer."""
    text = body["messages"][-1]["content"]
    choices = []
    for index in range(body.get("n", 1)):
        choice = {"index": index, "finish_reason": "stop"}
        choice["message"] = {"role": "assistant", "content": f"re: {text}"}
        if body.get("logprobs"):
            entry = {"token": "re", "logprob": -0.25}
            choice["logprobs"] = {"content": [{**entry, "top_logprobs": [entry]}]}
        choices.append(choice)
    usage = {"prompt_tokens": len(text) // 4, "completion_tokens": 4}
    return {"model": body["model"], "choices": choices, "usage": usage, **more}


def sent(body, **headers):
    return web.Response(body=body, content_type="application/json", headers=headers)


def changed(body, change):
    """An answer whose choices are put through `change`."""
    answer = completion(body)
    answer["choices"] = change(answer["choices"])
    return sent(json.dumps(answer).encode())


def with_text(text, **facts):
    def change(choices):
        return [{**c, **facts, "message": {"content": text(c["message"]["content"])}}
                for c in choices]  # fmt: skip

    return change


async def stream(request, first, part, pause, parts=10**9):
    """Send `first`, then `part` after `part`, as long as somebody listens."""
    reply = web.StreamResponse(headers={"content-type": "application/json"})
    await reply.prepare(request)
    await reply.write(first)
    for _ in range(parts):
        await asyncio.sleep(pause)
        await reply.write(part)
    return reply


def cut_off(request, reset):
    if reset:
        linger = struct.pack("ii", 1, 0)
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    request.transport.abort()
    return web.Response()


async def reset_in_the_body(request, body):
    reply = web.StreamResponse(headers={"content-length": "1000"})
    await reply.prepare(request)
    await reply.write(json.dumps(completion(body)).encode()[:20])
    return cut_off(request, reset=True)


async def hang(_request, _body):
    await asyncio.sleep(3600)


def nan_logprobs(body):
    text = json.dumps(completion(body)).replace("-0.25", "NaN")
    return sent(text.encode())


def bare(choice):
    return {k: v for k, v in choice.items() if k != "logprobs"}


FAULTS = {
    "http_429": lambda r, b: web.Response(status=429),
    "http_429_after": lambda r, b: web.Response(status=429, headers={"retry-after": "1"}),
    "http_429_date": lambda r, b: web.Response(
        status=429, headers={"retry-after": formatdate(time.time() + 1, usegmt=True)}
    ),
    "http_500": lambda r, b: web.json_response({"error": {"message": "oops"}}, status=500),
    "http_502_html": lambda r, b: web.Response(
        status=502, text="<html>Bad gateway</html>", content_type="text/html"
    ),
    "http_503": lambda r, b: web.Response(status=503),
    "html_200": lambda r, b: web.Response(text="<html>hello</html>", content_type="text/html"),
    "closed": lambda r, b: cut_off(r, reset=False),
    "reset": lambda r, b: cut_off(r, reset=True),
    "reset_in_the_body": reset_in_the_body,
    "hangs": hang,
    "slow": lambda r, b: stream(r, b"{", b" ", 0.2),
    "endless": lambda r, b: stream(r, b"{", b" " * 4096, 0.001),
    "100_megabytes": lambda r, b: stream(r, b'{"x":"', b"a" * 1_000_000, 0, parts=100),
    "truncated": lambda r, b: sent(json.dumps(completion(b)).encode()[:-9]),
    "deep": lambda r, b: sent(b"[" * 200_000),
    "wrong_schema": lambda r, b: sent(b'{"object": "list", "data": []}'),
    "empty_body": lambda r, b: sent(b""),
    "empty_answer": lambda r, b: changed(b, with_text(lambda text: "")),
    "length_cut": lambda r, b: changed(
        b, with_text(lambda text: text[:-1], finish_reason="length")
    ),
    "invalid_utf8": lambda r, b: sent(
        json.dumps(completion(b)).encode().replace(b"re: ", b"re: \xff\xfe")
    ),
    "odd_characters": lambda r, b: changed(b, with_text(lambda text: f"{text}\x00\ud800")),
    "wrong_model": lambda r, b: sent(json.dumps(completion(b, model="other")).encode()),
    "huge_counts": lambda r, b: sent(
        json.dumps(completion(b, usage={"prompt_tokens": 10**30})).encode()
    ),
    "no_logprobs": lambda r, b: changed(b, lambda choices: [bare(c) for c in choices]),
    "nan_logprobs": lambda r, b: nan_logprobs(b),
    "duplicated": lambda r, b: changed(b, lambda choices: [choices[0]] * len(choices)),
    "one_too_few": lambda r, b: changed(b, lambda choices: choices[1:]),
    "reordered": lambda r, b: changed(b, lambda choices: choices[::-1]),
}


def quotes_key(status):
    """A refusal that says the key; some servers do."""
    return lambda request, body: web.json_response(
        {"error": {"message": f"wrong key: {request.headers['authorization']}"}}, status=status
    )


SPECIAL = {"quotes_key": quotes_key(401), "quotes_key_400": quotes_key(400)}
"""Only where they are asked for."""


class Weather:
    """Which fault befalls a request, and how often each came."""

    def __init__(self, **facts):
        self.change(**facts)

    def change(self, *, rate=0.0, faults=(), seed=0, most_open=0):
        self.rate, self.faults, self.seed = rate, list(faults) or list(FAULTS), seed
        self.most_open = most_open
        self.seen, self.befell, self.times = Counter(), Counter(), []
        self.open = self.most = self.early = 0
        self.not_before, self.keys = {}, set()

    def fault(self, key):
        """The fault of this attempt, or None."""
        self.seen[key] += 1
        draw = random.Random(f"{self.seed} {key} {self.seen[key]}")
        if draw.random() >= self.rate:
            return None
        name = draw.choice(self.faults)
        self.befell[name] += 1
        return name

    async def answer(self, request):
        raw = await request.read()
        body, key = json.loads(raw), hashlib.sha256(raw).hexdigest()
        self.times.append(time.time())
        self.keys.add(request.headers.get("authorization", "").removeprefix("Bearer "))
        self.early += time.time() < self.not_before.get(key, 0)
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            if self.most_open and self.open > self.most_open:
                self.befell["too_many"] += 1
                return web.Response(status=429)
            if self.most_open:
                await asyncio.sleep(0.02)
            name = self.fault(key)
            if name is None:
                return sent(json.dumps(completion(body)).encode())
            if name in ("http_429_after", "http_429_date"):
                # A date has no fraction of a second.
                self.not_before[key] = time.time() + (0.98 if name == "http_429_after" else 0)
            made = (FAULTS | SPECIAL)[name](request, body)
            return await made if asyncio.iscoroutine(made) else made
        finally:
            self.open -= 1

    async def changed(self, request):
        self.change(**await request.json())
        return web.Response()

    async def stats(self, _request):
        return web.json_response(
            {"requests": len(self.seen), "calls": sum(self.seen.values()), "most": self.most,
             "early": self.early, "befell": self.befell, "times": self.times,
             "keys": sorted(self.keys)}
        )  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--weather", type=json.loads, default={})
    given = parser.parse_args()
    weather = Weather(**given.weather)
    app = web.Application(client_max_size=2**30)
    app.router.add_post("/v1/chat/completions", weather.answer)
    app.router.add_get("/v1/models", lambda request: web.json_response({"data": []}))
    # Another kind of server: it has lists, and what it makes is no batch.
    app.router.add_get("/odd/batches", lambda request: web.json_response({"data": [1, {}]}))
    app.router.add_post("/odd/{any}", lambda request: web.json_response({"id": 1}))
    app.router.add_get("/stats", weather.stats)
    app.router.add_post("/weather", weather.changed)
    with socket.create_server(("127.0.0.1", given.port)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", flush=True)
        web.run_app(app, sock=listening, print=None, access_log=None, handle_signals=False)


@contextmanager
def weather(**facts):
    """Run the server beside this process; yields its address."""
    command = [sys.executable, __file__, "--weather", json.dumps(facts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def change(url, **facts):
    """Other weather."""
    body = json.dumps(facts).encode()
    urllib.request.urlopen(url.removesuffix("v1") + "weather", body, timeout=10).close()


def stats(url):
    """What the server counted."""
    with urllib.request.urlopen(url.removesuffix("v1") + "stats", timeout=10) as reply:
        return json.load(reply)


if __name__ == "__main__":
    main()
