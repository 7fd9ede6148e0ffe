"""What the orchestrator costs: tokens per second of a recipe over those of a bare vLLM loop.

    python benchmarks/overhead.py [--rows 32]

One process loads the model once and sends the same prompts with the same seeds through
`generate.respond` (shards, manifests and Parquet included) and through a bare
`asyncio.gather` over the engine. The arms take turns, A B B A A B, and the ratio of the medians is
printed, with both figures. Also printed: the time from command to first request with `--local`.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.execution.executor import LocalExecutor
from pipelines.execution.host import EngineHost
from pipelines.execution.replicas import Replicas
from pipelines.execution.stage_run import Silent
from pipelines.recipe import Recipe, parse
from pipelines.run import carry_out, prepare, run_in_threads
from pipelines.store import log
from pipelines.store.store import Store
from stages.ask import Reply, Request
from stages.engines.base import Answer, EngineSpec

_STARTED = time.monotonic()
_TOPICS = ("rivers", "bread", "sorting", "chess", "soil", "trains", "verbs", "tides")


def recipe(rows: int, folder: Path) -> Recipe:
    """Answers of heavy-tailed length to `rows` instructions."""
    path = folder / "instructions.jsonl"
    lines = [
        json.dumps(
            {"instruction": f"In {5 + 45 * (i % 7 == 0)} words: {_TOPICS[i % 8]}, case {i}."}
        )
        for i in range(rows)
    ]
    path.write_text("\n".join(lines))
    source = {
        "name": "overhead",
        "engines": {
            "main": {"kind": "vllm", "model": "packaged/qwen2.5-coder-1.5b-instruct"},
        },
        "stages": [
            {"use": "source.instructions", "path": path.name},
            {"use": "generate.respond", "max_tokens": 96},
        ],
        "placement": {"shard_rows": 8, "shards_in_flight": 64},
    }
    return parse(source, folder)


class Kept(EngineHost):
    """An engine that outlives a run, with a record of the requests that reached it."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.requests: list[Request] = []
        self.first_request_s: float | None = None
        """Seconds from the start of this program to the first request."""

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Answer]]:
        """Pass the requests on."""
        self.open()
        self.first_request_s = self.first_request_s or time.monotonic() - _STARTED
        self.requests += requests
        return super().complete(requests)

    def stop(self) -> None:
        """Not yet: the next run uses it too."""

    def close(self) -> None:
        """Not yet either."""

    def end(self) -> None:
        """Free the engine."""
        super().close()


def orchestrated(made: Recipe, host: EngineHost) -> float:
    """Tokens per second of one run on a fresh store, Parquet, manifests and threads included."""
    with tempfile.TemporaryDirectory() as folder:
        job = prepare(made, Path("overhead.yaml"), Store.at(folder))
        began = time.monotonic()
        carry_out(job, LocalExecutor({"main": Replicas([host])}, 64), Silent(), run_in_threads)
        took = time.monotonic() - began
        done = log.read(job.store.stage(job.steps[-1].folder))
        return done.usage.completion_tokens / took if done else 0.0


def bare(requests: Sequence[Request], host: EngineHost) -> float:
    """Tokens per second of the same requests, all at once, without anything around them."""
    began = time.monotonic()
    answers = [answer for there in host.complete(requests) for answer in there]
    took = time.monotonic() - began
    replies = [a.outcome for a in answers if isinstance(a.outcome, Reply)]
    return sum(reply.completion_tokens for reply in replies) / took


def main() -> None:
    """Run both arms and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=32)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        made = recipe(rows, Path(folder))
        host = Kept(made.engines["main"])
        orchestrated(made, host)  # loads the model, fills caches and records the requests
        requests = [Request(i, r.ask, r.seed) for i, r in enumerate(host.requests)]
        rates: dict[str, list[float]] = {"A": [], "B": []}
        for arm in "ABBAAB":
            rates[arm].append(orchestrated(made, host) if arm == "A" else bare(requests, host))
        host.end()
    print(f"command to first request, model load included: {host.first_request_s:.1f} s")
    for name, arm in (("orchestrated", "A"), ("bare vLLM", "B")):
        print(f"{name}: " + ", ".join(f"{rate:.1f}" for rate in rates[arm]) + " tok/s")
    a, b = statistics.median(rates["A"]), statistics.median(rates["B"])
    print(f"orchestrated {a:.1f} tok/s, bare vLLM {b:.1f} tok/s, ratio {a / b:.3f}")


if __name__ == "__main__":
    main()
