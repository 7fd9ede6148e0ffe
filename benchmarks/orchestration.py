"""What orchestration costs beside a bare script, with an engine that only takes time.

    python -m benchmarks.orchestration [--rows 10000] [--only overhead,start,cores]

The engine has 64 slots and answers after a drawn time (gamma, mean 0.4 s, CV 1.5), so that 10,000
rows are a minute of its time. `overhead` (P20, P2): the recipe's run over a bare asyncio script
that makes the same calls and writes the same Parquet, over sync batches of 64, and over the bound
that no schedule beats. `start` (P21): from the command to the first request. `cores` (P26): a stage
of plain computation on Ray with one core and with two.
"""

import argparse
import asyncio
import heapq
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.one_stage import carried_out, recipe, said
from pipelines.execution.executor import LocalExecutor, executor_for
from pipelines.execution.watch import Silent
from pipelines.recipe.parse import Recipe
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.store import Store
from stages.ask import Ask, Capability, Chat, Message, Reply, Request, Sample
from stages.engines.base import Answer, EngineSpec, as_finished

SLOTS = 64
MEAN_S, CV = 0.4, 1.5


def takes(seed: int) -> float:
    """Seconds that a request takes: heavy-tailed, the same for the same seed."""
    return random.Random(seed).gammavariate(1 / CV**2, MEAN_S * CV**2)


class Timed(EngineSpec):
    """An engine that sleeps."""

    provides: ClassVar[frozenset[Capability]] = frozenset({"chat"})
    kind: Literal["timed"] = "timed"
    model: str = "timed"

    def open(self) -> "TimedEngine":
        """Ready at once."""
        return TimedEngine()


class TimedEngine:
    """So many requests at a time; more wait."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(SLOTS)

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        async for answer in as_finished(requests, self.answer):
            yield answer

    async def answer(self, request: Request) -> Reply:
        """After its time."""
        async with self._slots:
            ASKED[request.seed] = takes(request.seed)
            await asyncio.sleep(ASKED[request.seed])
        return Reply(samples=(Sample("An answer of some words."),), model="timed")

    async def close(self) -> None:
        """Nothing is open."""


ASKED: dict[int, float] = {}


def timed(rows: int, folder: Path) -> Recipe:
    """Answers of the engine that sleeps."""
    made = recipe(said(rows), folder, {"kind": "scripted"})
    return made.model_copy(update={"engines": {"main": Timed()}})


def orchestrated(rows: int) -> float:
    """Seconds of the recipe's run, from its plan to its record."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = timed(rows, folder)
        began = time.perf_counter()
        done = carried_out(made, folder, LocalExecutor.of(made))
        took = time.perf_counter() - began
        assert done.counts.output == rows
        return took


def bare(seeds: Sequence[int], batch: int) -> float:
    """Seconds of a script that sends the same requests, `batch` at a time, and writes a file."""

    async def send() -> list[str]:
        engine, texts = TimedEngine(), []
        for start in range(0, len(seeds), batch):
            asks = [Ask(Chat((Message("user", f"Say {s}"),))) for s in seeds[start : start + batch]]
            requests = [Request(i, ask, seeds[start + i]) for i, ask in enumerate(asks)]
            replies = await asyncio.gather(*map(engine.answer, requests))
            texts += [reply.text for reply in replies]
        return texts

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        texts = asyncio.run(send())
        pq.write_table(
            pa.table({"response": texts}), Path(folder) / "x.parquet", compression="zstd"
        )
        return time.perf_counter() - began


def first_come(times: Iterable[float]) -> float:
    """Seconds until all are done, each begun in the slot that is free first."""
    free = [0.0] * SLOTS
    for seconds in times:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def overhead(rows: int) -> None:
    """P20 and P2."""
    ASKED.clear()
    ours = [orchestrated(rows)]
    seeds = list(ASKED)
    bound, ideal = max(sum(ASKED.values()) / SLOTS, *ASKED.values()), first_come(ASKED.values())
    plain = [bare(seeds, rows), bare(seeds, rows)]
    ours.append(orchestrated(rows))
    batches = bare(seeds, SLOTS)
    a, b = min(ours), min(plain)
    print(f"P20 {rows:,} rows: run {ours[0]:.1f} and {ours[1]:.1f} s, bare {plain[0]:.1f} and "
          f"{plain[1]:.1f} s: overhead {a / b - 1:.1%} (goal 2 % at 10,000 rows)")  # fmt: skip
    print(f"P2 over the bound of {bound:.1f} s: {a / bound:.3f} (goal 1.05; who takes requests as "
          f"they come, without any overhead: {ideal / bound:.3f}); sync batches of {SLOTS} take "
          f"{batches / a:.2f} times as long (goal 1.8)")  # fmt: skip


def first_call(request: Request) -> Reply:
    """A script that says when it was first asked."""
    from stages.engines import scripts

    place = Path(os.environ["FIRST_CALL"])
    if not place.exists():
        place.write_text(str(time.time()))
    return scripts.babble(request)


def start(_: int) -> None:
    """P21."""
    command = [str(Path(sys.executable).parent / "bowerbird"), "run", "configs/demo.yaml"]
    command += ["--set", "engines.main.kind=scripted", "--set", "engines.embedder.kind=scripted"]
    command += ["--set", "engines.main.script=benchmarks.orchestration:first_call"]
    for name, form in (("--local", ["--local"]), ("Prefect and Ray", [])):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "first"
            environment = os.environ | {"FIRST_CALL": str(place), "PYTHONPATH": str(Path.cwd())}
            began = time.time()
            subprocess.run([*command, "--store", f"{folder}/store", *form], check=True,
                           env=environment, capture_output=True)  # fmt: skip
            print(f"P21 command to first request, {name}: {float(place.read_text()) - began:.1f} s")


def cores(rows: int) -> None:
    """P26: language detection of texts, on Ray."""
    took = {}
    for count in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            filtered = {"use": "filter.instruction", "languages": ["en"], "min_chars": 1}
            again = recipe(said(rows), Path(folder), {"kind": "scripted"}, filtered,
                           shard_rows=500)  # fmt: skip
            import ray

            ray.init(num_cpus=count, include_dashboard=False, log_to_driver=False)
            warm = ray.remote(num_cpus=1)(lambda: time.sleep(1))
            ray.get([warm.remote() for _ in range(count)])
            job = prepare(again, Path("x.yaml"), Store.at(Path(folder) / "store"))
            watch = FirstToLast()
            execute(job, executor_for(again, local=False), watch, run_in_threads)
            took[count] = watch.last - watch.first
    print(f"P26 from one to two processes: {took[1]:.1f} s and {took[2]:.1f} s, "
          f"{took[1] / took[2]:.2f} times (goal 1.85)")  # fmt: skip


class FirstToLast(Silent):
    """When the second step's first and last shards were there."""

    first = last = 0.0

    def committed(self, step: object, shard: object, *, reused: bool) -> None:
        """See `Watch`."""
        if getattr(step, "name", "") == "filter_instruction":
            self.first, self.last = self.first or time.perf_counter(), time.perf_counter()


def main() -> None:
    """Run the benchmarks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--only", default="overhead,start,cores")
    given = parser.parse_args()
    for name in given.only.split(","):
        {"overhead": overhead, "start": start, "cores": cores}[name](given.rows)


if __name__ == "__main__":
    main()
