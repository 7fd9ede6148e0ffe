"""Past one machine: the real scheduler and committer under virtual workers and virtual time (P25).

    python -m benchmarks.scale [--shards 50000] [--workers 1000]

`StageRun`, `Ledger` and the log are the product's own; the executor is a discrete-event simulation:
a shard takes a drawn number of virtual seconds (gamma, mean 20, CV 0.5), workers are lost at
5 % an hour, and the clock jumps from one end to the next. What is real is what is measured: commits
a second, processor time of the scheduler per shard handed out, memory.
"""

import argparse
import heapq
import random
import resource
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path

from pipelines.execution.engines.reply_log import Cassettes
from pipelines.execution.shards.calls import Heard, unheard
from pipelines.execution.shards.shard_task import ShardTask
from pipelines.execution.shards.worker_died import WorkerDied
from pipelines.execution.steps.budget_tracker import BudgetTracker
from pipelines.execution.steps.conditions import Conditions
from pipelines.execution.steps.incoming import Incoming, Origin
from pipelines.execution.steps.shard_stream import ShardStream
from pipelines.execution.steps.stage_run import StageRun
from pipelines.execution.steps.step_commits import StepCommits
from pipelines.execution.watch import Silent
from pipelines.plan.plan import plan
from pipelines.recipe.money import Budget
from pipelines.recipe.parse import parse
from pipelines.store.log.manifest import NO_FILE, Counts, File, Shard, Usage
from pipelines.store.store import Store

_ROWS = 20_000
_MEAN_S, _CV = 20.0, 0.5
_LOST_PER_S = 0.05 / 3600
_NAMES = Counts(input=_ROWS, annotated=_ROWS)


def made(index: int) -> Shard:
    """What becomes of a virtual shard."""
    digest = f"{index:064x}"
    file = File(f"part-{index:05}-{digest[:16]}.parquet", digest, 40_000_000, _ROWS, digest[:32])
    return Shard(index, digest, file, NO_FILE, _NAMES, {}, Usage(_ROWS, 9, 9, 0, 20.0))


class Simulation:
    """An `Executor` of virtual workers."""

    ahead = 1

    def __init__(self, workers: int, total: int) -> None:
        self._workers, self._left = workers, total
        self._draw = random.Random(0)
        self._waiting: deque[tuple[float, float, ShardTask, Future[list[Shard]]]] = deque()
        self._running: list[tuple[float, int, bool, ShardTask, Future[list[Shard]]]] = []
        self._changed = threading.Condition()
        self._number = 0
        self.now = self.worked = self.lost = 0.0

    @property
    def width(self) -> int:
        """A shard for each worker, and as many that wait."""
        return 2 * self._workers

    def submit(self, work: ShardTask, heard: Heard = unheard) -> "Future[list[Shard]]":
        """A worker takes the shard; it ends, or is lost on the way."""
        future: Future[list[Shard]] = Future()
        takes = self._draw.gammavariate(1 / _CV**2, _MEAN_S * _CV**2)
        dies = self._draw.expovariate(_LOST_PER_S)
        with self._changed:
            self._waiting.append((takes, dies, work, future))
            self._begin()
        return future

    def _begin(self) -> None:
        """Give each free worker the next shard that waits."""
        while self._waiting and len(self._running) < self._workers:
            takes, dies, work, future = self._waiting.popleft()
            self._number += 1
            end = self.now + min(takes, dies)
            self.worked += takes if takes <= dies else 0.0
            self.lost += dies if dies < takes else 0.0
            heapq.heappush(self._running, (end, self._number, dies < takes, work, future))
        self._changed.notify_all()

    def run(self) -> None:
        """End one shard after the other, always with as many under way as there can be."""
        while self._left:
            with self._changed:
                while len(self._running) < min(self._workers, self._left):
                    self._changed.wait()
                self.now, _, lost, work, future = heapq.heappop(self._running)
                self._left -= not lost
                self._begin()
            if lost:
                future.set_exception(WorkerDied("the worker is gone"))
            else:
                future.set_result([made(work.inputs[0].index)])

    def warm(self, engine: str) -> None:
        """Nothing to load."""

    def loading(self) -> list[str]:
        """Nothing."""
        return []

    def close(self) -> None:
        """Nothing to free."""


def simulate(workers: int, count: int, folder: Path) -> dict[str, float]:
    """One stage of `count` virtual shards; what was measured."""
    source = {
        "name": "scale",
        "engines": {"main": {"kind": "scripted"}},
        "stages": [{"use": "generate.magpie", "rows": 1}, {"use": "filter.instruction"}],
    }
    recipe = parse(source, folder)
    first, second = plan(recipe)
    feed = ShardStream()
    for index in range(count):
        feed.put(made(index))
    feed.end()
    store = Store.at(folder)
    simulation = Simulation(workers, count)
    commits = {"seconds": 0.0, "processor": 0.0, "number": 0.0}
    plain = StepCommits.commit

    def timed(self: StepCommits, found: list[Shard]) -> None:
        began, used = time.perf_counter(), time.thread_time()
        plain(self, found)
        commits["seconds"] += time.perf_counter() - began
        commits["processor"] += time.thread_time() - used
        commits["number"] += 1

    StepCommits.commit = timed  # type: ignore[method-assign, assignment]
    threading.Thread(target=simulation.run, daemon=True).start()
    try:
        with store.writing("scale") as lease:
            stop = threading.Event()
            used = time.thread_time()
            meter = BudgetTracker(Budget(), (first, second))
            given = Conditions(
                recipe, _ROWS, store, lease, simulation, Silent(), stop, Cassettes(), meter, {}
            )
            incoming = Incoming((Origin(store.stage(first.folder), feed),))
            StageRun(second, 1, given, incoming).run()
            scheduler = time.thread_time() - used - commits["processor"]
    finally:
        StepCommits.commit = plain  # type: ignore[method-assign]
    return {
        "makespan": simulation.now,
        "efficiency": simulation.worked / (workers * simulation.now),
        "redone": simulation.lost / simulation.worked,
        "commits": commits["number"] / commits["seconds"],
        "decision": scheduler / count * 1e6,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Print a line per number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=50_000)
    parser.add_argument("--workers", default="1,10,100,1000")
    given = parser.parse_args()
    total = given.shards
    print(f"{total * _ROWS:,} virtual rows in {total:,} shards")
    print("workers  virtual time  of perfect  redone  commits/s  scheduler  memory")
    for workers in map(int, given.workers.split(",")):
        # One worker alone ends every shard by itself; a tenth of the rows shows the same.
        count = total if workers >= 1000 else max(total * workers // 1000, 500)
        with tempfile.TemporaryDirectory() as folder:
            got = simulate(workers, count, Path(folder))
        print(f"{workers:7,}  {got['makespan'] / 3600:10.2f} h  {got['efficiency']:10.3f}  "
              f"{got['redone']:6.3%}  {got['commits']:9.0f}  {got['decision']:6.1f} µs  "
              f"{got['memory']:3.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
