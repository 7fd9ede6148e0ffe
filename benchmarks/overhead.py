"""What the orchestrator costs: tokens per second of a recipe over those of vLLM without it.

    python -m benchmarks.overhead [--rows 300]

`recipe` runs `generate.respond`, journal, shards, manifests and Parquet included; `engine` sends
the same requests, with the same seeds, to the same engine and keeps nothing. These two take turns,
A B B A A B B A, and the median of the ratios of the four turns is printed. `LLM.chat` is what a
script of one's own does with vLLM's defaults (`bare_vllm.py`): a process of its own that has ended
before our engine is loaded, because an engine that waits takes a core from the one that works.
Also printed: how long the model took to load.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.kept import MODEL, Kept
from benchmarks.one_stage import carried_out, recipe
from pipelines.execution.engines.replicas import Replicas
from pipelines.execution.executor import LocalExecutor
from pipelines.recipe.parse import Recipe
from stages.ask import Reply, Request
from stages.engines.model import models

_TOKENS = 96
"""That an answer may have."""
_TOPICS = ("rivers", "bread", "sorting", "chess", "soil", "trains", "verbs", "tides")


def instructions(rows: int) -> list[str]:
    """Every seventh asks for ten times as many words."""
    return [f"In {5 + 45 * (i % 7 == 0)} words: {_TOPICS[i % 8]}, case {i}." for i in range(rows)]


def orchestrated(made: Recipe, host: Kept) -> float:
    """Tokens per second of one run on a fresh store, journal, Parquet and manifests included."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        done = carried_out(made, Path(folder), LocalExecutor({"main": Replicas([host])}))
        return done.usage.completion_tokens / (time.monotonic() - began)


def bare(requests: Sequence[Request], host: Kept) -> float:
    """Tokens per second of the same requests, all at once, without anything around them."""
    began = time.monotonic()
    answers = host.answers(requests)
    took = time.monotonic() - began
    replies = [a.outcome for a in answers if isinstance(a.outcome, Reply)]
    return sum(reply.completion_tokens for reply in replies) / took


def script(texts: Sequence[str], folder: Path) -> float:
    """Tokens per second of `bare_vllm.py`, once its model is loaded and warm."""
    prompts = folder / "prompts.json"
    prompts.write_text(json.dumps(texts))
    model = str(models.packaged_folder(MODEL.removeprefix("packaged/")))
    command = [sys.executable, "-m", "benchmarks.bare_vllm", model, str(prompts), str(_TOKENS)]
    # Settings that an engine of ours has made for itself in this process are not a script's.
    own = {k: v for k, v in os.environ.items() if not k.startswith(("VLLM_", "OMP_", "GOMP_"))}
    done = subprocess.run(command, stdout=subprocess.PIPE, env=own, text=True, check=True)
    return next(float(s.split()[1]) for s in done.stdout.splitlines() if s.startswith("rate "))


def measured(texts: Sequence[str], folder: Path) -> dict[str, list[float]]:
    """Tokens per second of each arm's rounds."""
    answered = {"use": "generate.respond", "max_tokens": _TOKENS}
    made = recipe(texts, folder, {"kind": "vllm", "model": MODEL}, answered)
    host = Kept(made.engines["main"])
    orchestrated(made, host)  # loads the model, fills caches and records the requests
    requests = [Request(i, r.ask, r.seed) for i, r in enumerate(host.requests)]
    arms: dict[str, Callable[[], float]] = {
        "recipe": lambda: orchestrated(made, host),
        "engine": lambda: bare(requests, host),
    }
    rates: dict[str, list[float]] = {arm: [] for arm in arms}
    for arm in [*arms, *reversed(arms)] * 2:
        rates[arm].append(arms[arm]())
    host.end()
    print(f"model loaded after {host.first_request_s:.1f} s")
    return rates


def main() -> None:
    """Run the arms and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    texts = instructions(parser.parse_args().rows)
    with tempfile.TemporaryDirectory() as folder:
        alone = script(texts, Path(folder))
        rates = measured(texts, Path(folder))
    for arm, found in rates.items():
        print(f"{arm}: " + ", ".join(f"{rate:.1f}" for rate in found) + " tok/s")
    ratios = [a / b for a, b in zip(rates["recipe"], rates["engine"], strict=True)]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"P1 {len(texts)} rows: {statistics.median(ratios):.2f} of engine ({each}; goal 0.95)")
    over = statistics.median(rates["recipe"]) / alone
    print(f"LLM.chat: {alone:.1f} tok/s; the recipe has {over:.2f} times as many")


if __name__ == "__main__":
    main()
