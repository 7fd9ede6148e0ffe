"""The store's speed: writing, looking up, loading, verifying, committing, running again.

    python -m benchmarks.storage [--only writer,lookup,manifest,verify,rerun,memory]

Each figure is a ratio of two arms within this run, which take turns (A B B A …, medians), or an
absolute time where a goal is one. Sizes are those of the goals (P17-P19, P22, P24).
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.execution.executor import LocalExecutor
from pipelines.execution.watch import Silent
from pipelines.recipe.parse import parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.files import marks, shards
from pipelines.store.files.folder import LocalFolder
from pipelines.store.log import log
from pipelines.store.log.log import Log
from pipelines.store.log.manifest import NO_FILE, Counts, Shard, Usage
from pipelines.store.store import Store
from pipelines.store.upkeep.verify import verify as verify_store


def text_rows(rows: int, offset: int = 0) -> pa.Table:
    """Rows like an instruction dataset's: ids, two texts, a score, a small embedding."""
    draw = np.random.default_rng(offset)
    words = np.array([f"word{n}" for n in range(5000)])
    picked = words[draw.zipf(1.3, (rows, 60)) % 5000]
    texts = [" ".join(line) for line in picked]
    vectors = draw.standard_normal((rows, 32)).astype(np.float32)
    return pa.table(
        {
            "id": [f"{offset + n:032x}" for n in range(rows)],
            "instruction": texts,
            "response": [text[::-1] for text in texts],
            "score": draw.random(rows),
            "embedding": pa.FixedSizeListArray.from_arrays(vectors.ravel(), 32),
        }
    )


def paired(a: Callable[[], object], b: Callable[[], object], pairs: int) -> tuple[float, float]:
    """Median seconds of both, taking turns."""
    took: dict[str, list[float]] = {"a": [], "b": []}
    for number in range(pairs):
        for arm in "ab" if number % 2 else "ba":
            began = time.perf_counter()
            (a if arm == "a" else b)()
            took[arm].append(time.perf_counter() - began)
    return statistics.median(took["a"]), statistics.median(took["b"])


def writer(folder: Path) -> None:
    """P17: a shard with checksums, fsync and manifest over a bare `pq.write_table`."""
    table = text_rows(40_000)
    place = LocalFolder(folder / "a.stage-x")
    opened, numbers = Log(place), iter(range(10_000))

    def ours() -> None:
        file = shards.write(place, f"part-{next(numbers):05}", table)
        counts = Counts(input=table.num_rows, annotated=table.num_rows)
        shard = Shard(opened.version, "x", file, NO_FILE, counts, {}, Usage())
        opened.commit(1, (shard,))

    def bare() -> None:
        pq.write_table(table, folder / f"bare-{next(numbers)}.parquet", compression="zstd")

    ours()
    bare()
    a, b = paired(ours, bare, 10)
    print(f"P17 writer: {table.nbytes / a / 1e6:.0f} MB/s, bare {table.nbytes / b / 1e6:.0f} MB/s, "
          f"ratio {b / a:.2f} (goal 0.85)")  # fmt: skip


def lookup(folder: Path) -> None:
    """P18: one row of 2,000 shards, through the manifest and through a glob."""
    place = LocalFolder(folder / "a.stage-x")
    opened = Log(place)
    for index in range(2000):
        table = text_rows(50, index * 50)
        file = shards.write(place, f"part-{index:05}", table)
        counts = Counts(input=50, annotated=50)
        there = marks.write(place, index, table)
        shard = Shard(index, "x", file, NO_FILE, counts, {}, Usage(), marks=there)
        opened.commit(1, (shard,), given="all" if index == 1999 else "")
    wanted = iter(f"{n:032x}" for n in np.random.default_rng(0).integers(0, 100_000, 1000))
    connection = duckdb.connect()

    def ours() -> None:
        row_id = next(wanted)
        found = log.read(place)
        for shard in found.shards if found else ():
            if marks.may_hold(place, shard, row_id):
                table = shards.read(place, shard.part)
                if row_id in table["id"].to_pylist():
                    return
        raise AssertionError(row_id)

    def glob() -> None:
        query = f"SELECT * FROM '{place.path}/part-*.parquet' WHERE id = '{next(wanted)}'"
        assert len(connection.sql(query).fetchall()) == 1

    ours()
    glob()
    a, b = paired(ours, glob, 9)
    print(f"P18 lookup over 2,000 shards: {a * 1e3:.1f} ms, glob {b * 1e3:.0f} ms, "
          f"{b / a:.0f} times faster (goal 20 times, 20 ms)")  # fmt: skip


def manifest(folder: Path) -> None:
    """P19: 100,000 shards, loaded and committed to."""
    place = LocalFolder(folder / "a.stage-x")
    opened = Log(place)
    sample = text_rows(16)
    file = shards.write(place, "part-00000", sample)
    counts = Counts(input=16, annotated=16)
    there = marks.write(place, 0, sample)
    usage = Usage(16, 900, 800, 0, 1.5)
    shard = Shard(0, "0" * 64, file, file, counts, {}, usage, spent=file, marks=there)

    def at(index: int) -> Shard:
        fields = {name: getattr(shard, name) for name in shard.__struct_fields__}
        return Shard(**fields | {"index": index})

    for start in range(0, 100_000, 1000):
        opened.commit(1, tuple(map(at, range(start, start + 1000))))
    began = time.perf_counter()
    for index in range(300):
        opened.commit(1, (at(100_000 + index),))
    rate = 300 / (time.perf_counter() - began)
    script = (
        "import sys, time; from pathlib import Path\n"
        "from pipelines.store.log import log\n"
        "from pipelines.store.files.folder import LocalFolder\n"
        "import psutil; me = psutil.Process(); before = me.memory_info().rss\n"
        "began = time.perf_counter()\n"
        "found = log.read(LocalFolder(Path(sys.argv[1]))); took = time.perf_counter() - began\n"
        "print(len(found.shards), took, (me.memory_info().rss - before) / 1e6)"
    )
    command = [sys.executable, "-c", script, str(place.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, took, memory = done.stdout.split()
    loads = f"loads in {float(took):.2f} s and {float(memory):.0f} MB (goal 2 s, 200 MB)"
    print(f"P19 manifest of {int(count):,} shards: {loads}; {rate:.0f} commits/s (goal 200)")


def verify(folder: Path) -> None:
    """How fast checksums are checked, on one core."""
    store = Store.at(folder)
    place = store.stage("a.stage-x")
    opened = Log(place)
    draw = np.random.default_rng(0)
    for index in range(20):
        table = pa.table({"id": ["x"], "blob": [draw.bytes(40_000_000)]})
        file = shards.write(place, f"part-{index:05}", table)
        counts = Counts(input=1, annotated=1)
        opened.commit(1, (Shard(index, "x", file, NO_FILE, counts, {}, Usage()),))
    done = verify_store(store)
    assert not done.findings
    print(f"verify: {done.bytes / done.seconds / 1e9:.1f} GB/s on one core (goal 1)")


def recipe(rows: int, delay_s: float = 0.0) -> dict[str, object]:
    """A run of `rows` rows through the shapes of stages, without a model."""
    slow = {"kind": "scripted", "script": "benchmarks.storage:sink"} if delay_s else {}
    main = {"kind": "scripted"}
    return {
        "name": "rerun",
        "engines": {"main": main, "sink": slow or main},
        "stages": [
            {"use": "generate.magpie", "rows": rows},
            {"use": "filter.instruction"},
            {"use": "generate.respond"},
            {"use": "filter.response"},
            {"use": "judge.quality", "engine": "sink"},
        ],
        "placement": {"shard_rows": 100},
    }


def sink(request: object) -> object:
    """The slowest stage of all: ten times the time of the others."""
    from stages.engines import scripts

    time.sleep(0.0005)
    return scripts.babble(request)  # type: ignore[arg-type]


def rerun(folder: Path) -> None:
    """P24: a finished run of 100,000 rows, run again by the command."""
    import yaml

    (folder / "rerun.yaml").write_text(yaml.safe_dump(recipe(100_000)))
    command = [str(Path(sys.executable).parent / "bowerbird"), "run", str(folder / "rerun.yaml")]
    command += ["--local", "--store", str(folder / "store")]
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    first = time.perf_counter() - began
    took = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        took.append(time.perf_counter() - began)
    print(f"P24 rerun of 100,000 finished rows: {statistics.median(took):.1f} s, the first run "
          f"{first:.0f} s (goal 3 s)")  # fmt: skip


def memory(folder: Path) -> None:
    """P22: peak memory at 100,000 rows over that at 10,000, with a slow sink."""
    peaks = []
    for rows in (10_000, 100_000):
        command = [
            sys.executable,
            __file__,
            "--one",
            str(rows),
            "--folder",
            str(folder / str(rows)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(float(done.stdout.split()[-1]))
    print(f"P22 peak memory: {peaks[0]:.0f} MB at 10,000 rows, {peaks[1]:.0f} MB at 100,000, "
          f"ratio {peaks[1] / peaks[0]:.2f} (goal 1.3)")  # fmt: skip


def one(rows: int, folder: Path) -> None:
    """A run in this process; its peak memory in MB."""
    job = prepare(parse(recipe(rows, 0.0005), folder), Path("x.yaml"), Store.at(folder))
    execute(job, LocalExecutor.of(job.recipe), Silent(), run_in_threads)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Run the benchmarks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    every = {f.__name__: f for f in (writer, lookup, manifest, verify, rerun, memory)}
    parser.add_argument("--only", default=",".join(every))
    parser.add_argument("--one", type=int)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.folder)
        return
    for name in given.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            every[name](Path(folder))


if __name__ == "__main__":
    main()
