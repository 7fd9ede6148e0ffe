"""What the orchestrator costs: tokens per second of a recipe over those of vLLM without it.

    python -m benchmarks.overhead [--rows 300]

`recipe` runs `generate.respond`, journal, shards, manifests and Parquet included; `engine` sends
the same requests, with the same seeds, to the same engine and keeps nothing; `LLM.chat` is what a
script of one's own does, in a process of its own with vLLM's defaults (`bare_vllm.py`). The arms
take turns, A B C C B A A B C C B A, and the medians of the ratios of the four turns are printed.
Also printed: the time from command to first request with `--local`.
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


class Script:
    """`bare_vllm.py`, with its model loaded."""

    def __init__(self, texts: Sequence[str], folder: Path) -> None:
        prompts = folder / "prompts.json"
        prompts.write_text(json.dumps(texts))
        model = str(models.packaged_folder(MODEL.removeprefix("packaged/")))
        command = [sys.executable, "-m", "benchmarks.bare_vllm", model, str(prompts), str(_TOKENS)]
        own = {k: v for k, v in os.environ.items() if not k.startswith(("VLLM_", "OMP_", "GOMP_"))}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=own, text=True
        )

    def round(self) -> float:
        """Tokens per second of all prompts."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith("rate "):
                return float(line.split()[1])
        raise RuntimeError("the script has ended: see above")

    def end(self) -> None:
        """No more rounds."""
        self._process.communicate()


def measured(texts: Sequence[str], folder: Path) -> dict[str, list[float]]:
    """Tokens per second of each arm's rounds."""
    answered = {"use": "generate.respond", "max_tokens": _TOKENS}
    made = recipe(texts, folder, {"kind": "vllm", "model": MODEL}, answered)
    script = Script(texts, folder)
    script.round()  # loads the model and fills caches
    host = Kept(made.engines["main"])
    orchestrated(made, host)  # the same, and records the requests
    requests = [Request(i, r.ask, r.seed) for i, r in enumerate(host.requests)]
    arms: dict[str, Callable[[], float]] = {
        "recipe": lambda: orchestrated(made, host),
        "engine": lambda: bare(requests, host),
        "LLM.chat": script.round,
    }
    rates: dict[str, list[float]] = {arm: [] for arm in arms}
    for arm in [*arms, *reversed(arms)] * 2:
        rates[arm].append(arms[arm]())
    script.end()
    host.end()
    print(f"command to first request, model load included: {host.first_request_s:.1f} s")
    return rates


def main() -> None:
    """Run the arms and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    texts = instructions(parser.parse_args().rows)
    with tempfile.TemporaryDirectory() as folder:
        rates = measured(texts, Path(folder))
    for arm, found in rates.items():
        print(f"{arm}: " + ", ".join(f"{rate:.1f}" for rate in found) + " tok/s")
    for arm in ("engine", "LLM.chat"):
        ratios = [a / b for a, b in zip(rates["recipe"], rates[arm], strict=True)]
        each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        middle = statistics.median(ratios)
        print(f"P1 {len(texts)} rows: {middle:.2f} of {arm} ({each}; goal 0.95)")


if __name__ == "__main__":
    main()
