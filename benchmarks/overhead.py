"""What the orchestrator costs: tokens per second of a recipe over those of its engine alone.

    python -m benchmarks.overhead [--rows 300]

`recipe` runs `generate.respond`, journal, shards, manifests and Parquet included; `engine` gives
requests of the same kind to the same engine, all at once, and keeps nothing. These two take turns,
A B B A A B B A, and the median of the ratios of the four turns is printed. `LLM.chat` is what a
script of one's own does (`bare_vllm.py`), once before and once after: a process of its own that is
alone on the machine, because an engine that waits takes a core from the one that works. No prompt
is asked twice, so that none is in a cache. Also printed: how long the model took to load.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kept import MODEL, Kept
from benchmarks.one_stage import carried_out, recipe
from pipelines.execution.engines.replicas import Replicas
from pipelines.execution.executor import LocalExecutor
from stages.ask import Ask, Reply, Request
from stages.engines.model import models
from stages.engines.vllm import Vllm
from stages.generate.respond import Respond

_TOKENS = 96
"""That an answer may have."""
_TOPICS = ("rivers", "bread", "sorting", "chess", "soil", "trains", "verbs", "tides")


def instructions(rows: int, turn: int) -> list[str]:
    """Every seventh asks for ten times as many words; no two turns have a text in common."""
    return [
        f"Case {turn}.{i}, in {5 + 45 * (i % 7 == 0)} words: {_TOPICS[i % 8]}." for i in range(rows)
    ]


def orchestrated(texts: Sequence[str], host: Kept) -> float:
    """Tokens per second of one run on a fresh store, journal, Parquet and manifests included."""
    answered = {"use": "generate.respond", "max_tokens": _TOKENS}
    with tempfile.TemporaryDirectory() as folder:
        made = recipe(texts, Path(folder), {"kind": "vllm", "model": MODEL}, answered)
        began = time.monotonic()
        done = carried_out(made, Path(folder), LocalExecutor({"main": Replicas([host])}))
        took = time.monotonic() - began
    assert done.counts.output == len(texts)
    return done.usage.completion_tokens / took


def alone(texts: Sequence[str], host: Kept) -> float:
    """Tokens per second of such requests, all at once, without anything around the engine."""
    stage = Respond(max_tokens=_TOKENS)
    asks = [stage.ask({"instruction": text}) for text in texts]
    requests = [Request(i, ask, seed=i) for i, ask in enumerate(asks) if isinstance(ask, Ask)]
    began = time.monotonic()
    answers = host.answers(requests)
    took = time.monotonic() - began
    replies = [a.outcome for a in answers if isinstance(a.outcome, Reply)]
    assert len(replies) == len(texts)
    return sum(reply.completion_tokens for reply in replies) / took


def script(warm: Sequence[str], texts: Sequence[str]) -> float:
    """Tokens per second of `bare_vllm.py`, once its model is loaded and warm."""
    model = str(models.packaged_folder(MODEL.removeprefix("packaged/")))
    command = [sys.executable, "-m", "benchmarks.bare_vllm", model, str(_TOKENS)]
    # Settings that an engine of ours has made for this process are not a script's.
    own = {k: v for k, v in os.environ.items() if not k.startswith(("VLLM_", "OMP_", "GOMP_"))}
    asked = json.dumps([warm, texts])
    done = subprocess.run(
        command, input=asked, stdout=subprocess.PIPE, env=own, text=True, check=True
    )
    return next(float(s.split()[1]) for s in done.stdout.splitlines() if s.startswith("rate "))


def measured(rows: int) -> dict[str, list[float]]:
    """Tokens per second of the recipe and of the engine, in four turns."""
    host = Kept(Vllm(kind="vllm", model=MODEL))
    orchestrated(instructions(rows, 0), host)  # loads the model
    rates: dict[str, list[float]] = {"recipe": [], "engine": []}
    for turn, arm in enumerate(["recipe", "engine", "engine", "recipe"] * 2, 1):
        texts = instructions(rows, turn)
        rates[arm].append((orchestrated if arm == "recipe" else alone)(texts, host))
    host.end()
    print(f"model loaded after {host.first_request_s:.1f} s")
    return rates


def main() -> None:
    """Run the arms and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    rows = parser.parse_args().rows
    warm = instructions(rows, 99)
    scripts = [script(warm, instructions(rows, 10))]
    rates = measured(rows)
    scripts.append(script(warm, instructions(rows, 11)))
    for arm, found in (rates | {"LLM.chat": scripts}).items():
        print(f"{arm}: " + ", ".join(f"{rate:.1f}" for rate in found) + " tok/s")
    ratios = [a / b for a, b in zip(rates["recipe"], rates["engine"], strict=True)]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"P1 {rows} rows: {statistics.median(ratios):.2f} of engine ({each}; goal 0.95)")
    over = [statistics.median(rates["recipe"]) / rate for rate in scripts]
    print(f"{over[0]:.2f} and {over[1]:.2f} times LLM.chat")


if __name__ == "__main__":
    main()
