"""The HTTP engine in hostile weather: every fault alone, all of them mixed, and what it costs."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.ask import Ask, Request, Sampling, chat
from stages.engines.openai import Openai
from stages.errors import EngineError
from tests.support.fault_server import FAULTS, PERMANENT, change, stats, weather

pytestmark = pytest.mark.slow
ROWS = int(os.environ.get("WEATHER_ROWS", "800"))
ROOT = Path(__file__).parents[3]
SETTINGS = {"model": "m", "timeout_s": 1.0, "max_retries": 6, "max_concurrency": 64}


def asks(rows):
    """Each names its row; some want log-probabilities, some two samples."""
    kinds = [{}, {"logprobs": 2}, {"sampling": Sampling(max_tokens=64, samples=2)}]
    return [Ask(chat(f"row {i}"), **kinds[i % 3]) for i in range(rows)]


def ask_all(url, asked, **settings):
    """Outcomes by index, how long nothing came at most, and the engine's concurrency at the end."""

    async def go():
        engine = Openai(base_url=url, **SETTINGS | settings).open()
        outcomes, last, longest = {}, time.monotonic(), 0.0
        requests = [Request(i, ask, seed=i) for i, ask in enumerate(asked)]
        async for answer in engine.complete(requests):
            assert answer.index not in outcomes
            outcomes[answer.index] = answer.outcome
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        await engine.close()
        return outcomes, longest, engine.pace.limit

    return asyncio.run(go())


def tally(outcomes, asked):
    """(answered, refused); nobody is missing and nobody has another's answer."""
    assert set(outcomes) == set(range(len(asked)))
    refused = [i for i, o in outcomes.items() if isinstance(o, EngineError)]
    for i, outcome in outcomes.items():
        if i in refused:
            continue
        assert len(outcome.samples) == asked[i].sampling.samples
        for sample in outcome.samples:
            assert f"re: row {i}".startswith(sample.text.strip("\x00\ud800")), (i, sample.text)
    return len(outcomes) - len(refused), len(refused)


@pytest.fixture(scope="module")
def server():
    with weather() as url:
        yield url


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_a_time(server, fault):
    asked = asks(40)
    change(server, rate=0.3, faults=[fault], seed=1)
    outcomes, longest, _ = ask_all(server, asked)
    counted = stats(server)
    # Vacuity: it happened.
    assert counted["befell"][fault] >= 5
    assert tally(outcomes, asked) == (40, 0)
    assert longest < 60
    assert counted["early"] == 0
    if fault in PERMANENT:
        assert counted["calls"] == 40


def measured(rate, rows):
    """One process's peak memory, and what it counted; so that it starts from nothing."""
    done = subprocess.run(
        [sys.executable, __file__, str(rate), str(rows)],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def main(rate, rows):
    import resource

    asked = asks(rows)
    with weather(rate=rate, seed=2) as url:
        outcomes, longest, _ = ask_all(url, asked)
        counted = stats(url)
    answered, refused = tally(outcomes, asked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"answered": answered, "refused": refused, "longest": longest, "peak": peak,
                      "calls": counted["calls"], "befell": len(counted["befell"])}))  # fmt: skip


def test_all_faults_mixed():
    calm, storm = measured(0.0, ROWS), measured(0.2, ROWS)
    assert calm["calls"] == calm["answered"] == ROWS
    assert storm["befell"] == len(FAULTS)
    assert storm["answered"] + storm["refused"] == ROWS
    assert storm["answered"] >= 0.999 * ROWS
    assert storm["calls"] <= 1.35 * ROWS
    assert storm["peak"] <= 1.3 * calm["peak"]
    assert storm["longest"] < 60


def test_concurrency_finds_what_the_server_bears(server):
    asked = asks(600)
    change(server, most_open=8)
    outcomes, _, limit = ask_all(server, asked, max_retries=20)
    counted = stats(server)
    assert tally(outcomes, asked) == (600, 0)
    assert limit <= 24
    assert counted["calls"] == 600
    # Vacuity: it was refused at first; and not much more than it could have known.
    assert 20 <= counted["befell"]["too_many"] <= 0.35 * 600


def test_limits_per_minute_are_kept(server):
    change(server)
    ask_all(server, asks(30), requests_per_minute=600)
    times = stats(server)["times"]
    assert max(sum(t <= other < t + 1 for other in times) for t in times) <= 21
    tokens = Ask(chat("x" * 400), Sampling(max_tokens=100))
    change(server)
    ask_all(server, [tokens] * 10, tokens_per_minute=24_000)
    times = stats(server)["times"]
    # Each may take 200 tokens and takes 104: a second's worth at once, the others in turn.
    assert max(times) - min(times) >= (10 * 104 - 400 - 200) / 400


def test_nobody_listens_for_a_while():
    with weather() as url:
        free = url
    port = free.split(":")[2].split("/")[0]
    command = [sys.executable, str(ROOT / "tests/support/fault_server.py"), "--port", port]
    late = subprocess.Popen(["sh", "-c", f"sleep 1; exec {' '.join(command)}"])
    try:
        outcomes, _, _ = ask_all(free, asks(20), max_retries=8)
        assert tally(outcomes, asks(20)) == (20, 0)
    finally:
        late.kill()


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
