"""A model server that only takes time: 64 slots, an answer that shows which request it is to.

    python server.py --mean 0.25 --cv 1.5

prints its address. A call takes a time drawn from the request's text (gamma; all the same at `--cv
0`), in one of the slots; more calls wait. The answer is `re: ` and the last message, or nothing to
all first messages but the share `--keep`. GET /stats: calls so far, the most that were open at
once, and the seconds between the first call and the last answer since the stats were last asked.
"""

import argparse
import asyncio
import random
import socket
import time

from aiohttp import web

SLOTS = 64
"""Unless `--slots` says otherwise."""


class Slots:
    """What takes the calls."""

    def __init__(self, mean: float, cv: float, slots: int, keep: float) -> None:
        self._mean, self._cv, self._keep = mean, cv, keep
        self._first = self._last = 0.0
        self._free = asyncio.Semaphore(slots)
        self.calls = self.open = self.most = 0

    def takes(self, text: str) -> float:
        """Seconds, the same for the same text."""
        if not self._cv or not self._mean:
            return self._mean
        return random.Random(text).gammavariate(1 / self._cv**2, self._mean * self._cv**2)

    async def answer(self, request: web.Request) -> web.Response:
        """One chat completion."""
        body = await request.json()
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else "".join(part["text"] for part in content)
        self._first = self._first or time.monotonic()
        self.calls, self.open = self.calls + 1, self.open + 1
        self.most = max(self.most, self.open)
        async with self._free:
            if seconds := self.takes(text):
                await asyncio.sleep(seconds)
        self.open -= 1
        self._last = time.monotonic()
        kept = text.startswith("re: ") or random.Random(text).random() < self._keep
        message = {"role": "assistant", "content": f"re: {text}" if kept else ""}
        choice = {"index": 0, "finish_reason": "stop", "message": message, "logprobs": None}
        usage = {"prompt_tokens": 16, "completion_tokens": 16, "total_tokens": 32}
        facts = {"id": f"c{self.calls}", "object": "chat.completion", "created": 0}
        return web.json_response({**facts, "model": body["model"], "choices": [choice],
                                  "usage": usage})  # fmt: skip

    async def models(self, _: web.Request) -> web.Response:
        """Its one model."""
        return web.json_response({"data": [{"id": "m"}]})

    async def stats(self, _: web.Request) -> web.Response:
        """What it has seen."""
        span, self._first = self._last - self._first, 0.0
        return web.json_response({"calls": self.calls, "most": self.most, "span": span})


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mean", type=float, default=0.25)
    parser.add_argument("--cv", type=float, default=0.0)
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--keep", type=float, default=1.0)
    given = parser.parse_args()
    slots = Slots(given.mean, given.cv, given.slots, given.keep)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", slots.answer)
    app.router.add_get("/v1/models", slots.models)
    app.router.add_get("/stats", slots.stats)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", flush=True)
        web.run_app(app, sock=listening, print=None, access_log=None)


if __name__ == "__main__":
    main()
