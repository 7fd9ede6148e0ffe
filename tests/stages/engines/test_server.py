"""Servers that an engine starts itself: a small one that can be told to fail, and a real vLLM."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipelines.execution.engines.restarting_engine import RestartingEngine
from stages.ask import Ask, Request, Sampling, chat
from stages.engines.openai import Openai
from stages.errors import EngineError, UserError
from tests.support.children import running

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
BASE = "http://127.0.0.1:{port}/v1"
FAULTY = [sys.executable, str(ROOT / "tests/support/fault_server.py"), "--port", "{port}"]


def ask(engine, text, **sampling):
    async def go():
        request = Request(0, Ask(chat(text), Sampling(**sampling)), 0)
        (answer,) = [answer async for answer in engine.complete([request])]
        return answer.outcome

    return go()


def spec(command=FAULTY, **settings):
    return Openai(model="m", base_url=BASE, command=tuple(command), max_retries=1, **settings)


def test_it_is_started_and_stopped_with_the_engine():
    async def go():
        engine = spec().open()
        assert (await ask(engine, "hello")).text == "re: hello"
        assert running("fault_server")
        await engine.close()

    asyncio.run(go())
    assert not running("fault_server")


def test_one_that_dies_is_started_again_and_the_call_answered():
    async def go():
        engine = RestartingEngine(spec())
        assert (await ask(engine, "one")).text == "re: one"
        (server,) = [p for p in running("fault_server") if p.cmdline()[1:2] == FAULTY[1:2]]
        server.kill()
        server.wait()
        assert (await ask(engine, "two")).text == "re: two"
        await engine.close()

    asyncio.run(go())


def test_one_that_does_not_start_says_why():
    wrong = "import sys; sys.exit('ValueError: no such model')"
    with pytest.raises(EngineError, match=r"ended with code 1 .*no such model") as caught:
        spec([sys.executable, "-c", wrong, "{port}"]).open()
    assert caught.value.fatal


def test_one_that_never_answers_is_given_up():
    with pytest.raises(EngineError, match=r"does not answer at .* after 1 s"):
        spec([sys.executable, "-c", "import time; time.sleep(60)", "{port}"], start_s=1).open()
    assert not running("time.sleep(60)")


def test_a_command_that_is_not_there():
    with pytest.raises(UserError, match="there is no command 'no-such-server'"):
        spec(["no-such-server", "{port}"]).check()


def test_it_ends_with_a_run_that_is_killed():
    code = (
        "import asyncio, time\n"
        "from tests.stages.engines.test_server import spec\n"
        "async def go():\n"
        "    engine = spec().open()\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "asyncio.run(go())\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.stdout.readline() == "ready\n"
    started = psutil.Process(run.pid).children(recursive=True)
    assert len(started) == 2
    run.send_signal(signal.SIGKILL)
    run.wait()
    _, alive = psutil.wait_procs(started, timeout=15)
    assert not alive
