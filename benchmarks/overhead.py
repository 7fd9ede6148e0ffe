"""What the orchestrator costs: tokens per second of a recipe over those of a bare vLLM loop.

    python -m benchmarks.overhead [--rows 300]

One process loads the model once and sends the same prompts with the same seeds through
`generate.respond` (journal, shards, manifests and Parquet included) and through a bare
`asyncio.gather` over the engine. The arms take turns, A B B A A B B A, and the median of the ratios
of the four pairs is printed. Also printed: the time from command to first request with `--local`.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kept import MODEL, Kept
from benchmarks.one_stage import carried_out, recipe
from pipelines.execution.engines.replicas import Replicas
from pipelines.execution.executor import LocalExecutor
from pipelines.recipe.parse import Recipe
from stages.ask import Reply, Request

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


def main() -> None:
    """Run both arms and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        answered = {"use": "generate.respond", "max_tokens": 96}
        made = recipe(instructions(rows), Path(folder), {"kind": "vllm", "model": MODEL}, answered)
        host = Kept(made.engines["main"])
        orchestrated(made, host)  # loads the model, fills caches and records the requests
        requests = [Request(i, r.ask, r.seed) for i, r in enumerate(host.requests)]
        rates: dict[str, list[float]] = {"A": [], "B": []}
        for arm in "ABBAABBA":
            rates[arm].append(orchestrated(made, host) if arm == "A" else bare(requests, host))
        host.end()
    print(f"command to first request, model load included: {host.first_request_s:.1f} s")
    for name, arm in (("orchestrated", "A"), ("bare vLLM", "B")):
        print(f"{name}: " + ", ".join(f"{rate:.1f}" for rate in rates[arm]) + " tok/s")
    ratios = [a / b for a, b in zip(rates["A"], rates["B"], strict=True)]
    each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
    print(f"P1 {rows} rows: {statistics.median(ratios):.3f} of bare vLLM ({each}; goal 0.95)")


if __name__ == "__main__":
    main()
