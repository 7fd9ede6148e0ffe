"""A loopback server of OpenAI's batch API that loses, repeats, reorders and refuses on demand."""

import json
import random
import threading
from contextlib import contextmanager

from aiohttp import web

from tests.support.fault_server import completion


class Batches:
    """`troubles`: names of what goes wrong; see the methods. Counts what is asked of it."""

    def __init__(self, troubles=(), polls=2):
        self.troubles, self.polls = set(troubles), polls
        self.files, self.batches, self.asked = {}, [], []
        self.calls = 0

    async def upload(self, request):
        form = await request.post()
        assert form["purpose"] == "batch"
        self.files[f"file-{len(self.files)}"] = form["file"].file.read()
        return web.json_response({"id": f"file-{len(self.files) - 1}"})

    async def create(self, request):
        body = await request.json()
        batch = {"id": f"batch-{len(self.batches)}", "status": "validating", "polls": 0, **body}
        self.batches.append(batch)
        lines = self.files[body["input_file_id"]].splitlines()
        self.asked += [json.loads(line)["body"]["messages"][-1]["content"] for line in lines]
        if "answer_lost" in self.troubles and len(self.batches) == 1:
            return web.Response(status=500)  # it was made all the same
        return web.json_response(batch)

    async def listing(self, _request):
        return web.json_response({"data": self.batches[::-1], "has_more": False})

    async def poll(self, request):
        self.calls += 1
        if "polls_fail" in self.troubles and self.calls % 2:
            return web.Response(status=502, text="<html>")
        batch = next(b for b in self.batches if b["id"] == request.match_info["id"])
        batch["polls"] += 1
        if batch["polls"] >= self.polls:
            self.finish(batch)
        return web.json_response(batch)

    def finish(self, batch):
        first = batch is self.batches[0]
        items = [json.loads(x) for x in self.files[batch["input_file_id"]].splitlines()]
        answers, errors = [], []
        for item in items:
            number = len(answers) + len(errors)
            line = {"custom_id": item["custom_id"], "error": None}
            if "some_fail" in self.troubles and first and number % 5 == 0:
                body = {"error": {"message": "overloaded"}}
                errors.append({**line, "response": {"status_code": 503, "body": body}})
            elif "some_refused" in self.troubles and number % 7 == 0:
                body = {"error": {"message": "no"}}
                errors.append({**line, "response": {"status_code": 400, "body": body}})
            else:
                body = completion(item["body"])
                answers.append({**line, "response": {"status_code": 200, "body": body}})
        if "lossy" in self.troubles and first:
            answers = answers[3:] + answers[10:14]
            random.Random(0).shuffle(answers)
        batch["status"] = "expired" if "expires" in self.troubles and first else "completed"
        batch["request_counts"] = {"completed": len(answers), "failed": len(errors)}
        for name, lines in (("output", answers), ("error", errors)):
            content = "".join(json.dumps(line) + "\n" for line in lines).encode()
            if name == "output" and "torn" in self.troubles and first:
                content = content[: len(content) // 2] + b"\xff{not json\n"
            self.files[f"{batch['id']}-{name}"] = content
            batch[f"{name}_file_id"] = f"{batch['id']}-{name}" if lines else None

    async def content(self, request):
        return web.Response(body=self.files[request.match_info["id"]])


@contextmanager
def batches(**facts):
    """Serve in a thread of this process; yields (address, what it counts)."""
    import asyncio

    there, ready, counted = [], threading.Event(), Batches(**facts)

    async def serve():
        app = web.Application(client_max_size=2**30)
        app.router.add_post("/v1/files", counted.upload)
        app.router.add_post("/v1/batches", counted.create)
        app.router.add_get("/v1/batches", counted.listing)
        app.router.add_get("/v1/batches/{id}", counted.poll)
        app.router.add_get("/v1/files/{id}/content", counted.content)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        stop = asyncio.Event()
        there.extend([site._server.sockets[0].getsockname()[1], asyncio.get_running_loop(), stop])
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    port, loop, stop = there
    yield f"http://127.0.0.1:{port}/v1", counted
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
