"""Bowerbird beside distilabel and data-designer: the same rows, calls and server in one run.

    python -m benchmarks.peers.compare [--rounds 3] [--only constant,tailed,instant]

Each arm answers instructions by two calls after each other and leaves Parquet files. The server
(`server.py`) has 64 slots and takes a constant time, a heavy-tailed one, or none. Arms take turns,
every other round backwards. Timed from outside is the whole command, imports included; in brackets
its own run. What an arm leaves is read and every answer held against its row. The peers live in
environments of their own under ~/.cache/bowerbird/peers, which are made here.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.machine import page
from benchmarks.serving import serving
from pipelines.notebook.open_store import open_store

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = Path.home() / ".cache/bowerbird/peers"
PINNED = {
    # It imports requests, which the versions of today that it asks for bring no more.
    "distilabel": ("distilabel[openai]==1.5.3", "requests==2.34.2"),
    "data_designer": ("data-designer==0.9.6",),
}
ARMS = ("bare_client", "bowerbird_run", "distilabel_run", "data_designer_run")
SCENES = {
    "constant": (1_000, ("--mean", "0.25")),
    "tailed": (1_000, ("--mean", "0.25", "--cv", "1.5")),
    "instant": (4_000, ("--mean", "0")),
}
"""Rows, and what the server is told."""


@dataclass(slots=True)
class Times:
    """Seconds of an arm, round by round."""

    command: list[float] = field(default_factory=list)
    run: list[float] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    """Rows whose two answers are theirs."""


def python_of(arm: str) -> str:
    """The interpreter of an arm; a peer's environment is made at its first use."""
    name = arm.removesuffix("_run")
    if name not in PINNED:
        return sys.executable
    place = ENVIRONMENTS / name
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        pip = [str(place / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PINNED[name]], check=True)
        (place / "ready").touch()
    return str(place / "bin/python")


def once(arm: str, url: str, rows: Path, times: Times) -> None:
    """One command, its time and what it left."""
    quiet = {"NEMO_TELEMETRY_ENABLED": "false", "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    with tempfile.TemporaryDirectory() as out:
        command = [python_of(arm), str(HERE / f"{arm}.py"), url, str(rows), out]
        log = Path(out) / "log"
        with log.open("w") as said:
            began = time.perf_counter()
            done = subprocess.run(command, cwd=out, env=os.environ | quiet, text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=said, timeout=600)  # fmt: skip
            times.command.append(time.perf_counter() - began)
        if done.returncode:
            sys.exit(f"{arm} failed:\n{log.read_text()[-3000:]}")
        times.run.append(json.loads(done.stdout.splitlines()[-1])["run_s"])
        times.right.append(sum(map(is_right, left_by(Path(out)))))


def left_by(out: Path) -> list[dict[str, str]]:
    """The rows in what an arm has left."""
    columns = ["instruction", "first", "second"]
    if (out / "store").exists():
        found = open_store(out / "store").sql("SELECT instruction, first, second FROM dataset")
        return list(found.table.to_pylist())
    return list(pq.read_table(out / "rows.parquet", columns=columns).to_pylist())


def is_right(row: dict[str, str]) -> bool:
    """Whether both answers are to this row's question."""
    asked = row["instruction"]
    return row["first"] == f"re: {asked}" and row["second"] == f"re: re: {asked}"


def scene(name: str, rounds: int) -> str:
    """All arms in one scene; a table of medians."""
    count, options = SCENES[name]
    found = {arm: Times() for arm in ARMS}
    with tempfile.TemporaryDirectory() as folder, serving(HERE / "server.py", *options) as url:
        rows = Path(folder) / "rows.jsonl"
        rows.write_text("".join(f'{{"instruction": "Say {n} aloud."}}\n' for n in range(count)))
        for number in range(rounds):
            for arm in ARMS[:: -1 if number % 2 else 1]:
                once(arm, url, rows, found[arm])
                print(name, number, arm, f"{found[arm].command[-1]:.1f} s", flush=True)
    lines = [f"## {count:,} rows, server {' '.join(options)}\n",
             "| | command, s | over the bare client | run, s | rows right |",
             "|---|---|---|---|---|"]  # fmt: skip
    lines += [line(arm, found[arm], found["bare_client"]) for arm in ARMS]
    return "\n".join(lines)


def line(arm: str, times: Times, bare: Times) -> str:
    """One arm's medians; the ratio is the median of those of each round."""
    ratios = [a / b for a, b in zip(times.command, bare.command, strict=True)]
    each = ", ".join(f"{seconds:.1f}" for seconds in times.command)
    return (f"| {arm.removesuffix('_run').replace('_', ' ')} "
            f"| {statistics.median(times.command):.1f} ({each}) | {statistics.median(ratios):.2f} "
            f"| {statistics.median(times.run):.1f} | {min(times.right):,} |")  # fmt: skip


def main() -> None:
    """Write results/peers.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(SCENES))
    given = parser.parse_args()
    for arm in ARMS:
        python_of(arm)
    tables = [scene(name, given.rounds) for name in given.only.split(",")]
    peers = ", ".join(packages[0] for packages in PINNED.values())
    head = f"Two calls after each other for each row, a server of 64 slots; {peers}. Medians of "
    head += f"{given.rounds} rounds, arms in turn; `python -m benchmarks.peers.compare`.\n\n"
    head += (
        "Ratios are the medians of the rounds' ratios. `run` is timed inside the program, without "
    )
    head += (
        "its imports; `--mean` and `--cv` are the server's seconds a call and their spread; `rows "
    )
    head += "right` counts the rows whose two answers are theirs.\n\n"
    print(page("peers", "Beside the peers", head + "\n\n".join(tables) + "\n").read_text())


if __name__ == "__main__":
    main()
