"""What the driver itself takes per row (P3), with engines that answer at once.

    python -m benchmarks.driver [--rows 1000,10000,100000] [--http 1000,10000]

Processor time of this process over rows of a stage that asks once for each: rendering, seeds,
journal, reading, checks, Parquet, commits. `in process` asks a function, `HTTP` a server on
loopback that runs beside (its own time is not counted).
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.one_stage import carried_out, recipe, said
from benchmarks.serving import serving
from pipelines.execution.executor import LocalExecutor


def cost(rows: int, engine: dict[str, Any]) -> float:
    """Microseconds of processor time per row, start and end of the run included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = recipe(said(rows), folder, engine)
        began = time.process_time()
        done = carried_out(made, folder, LocalExecutor.of(made))
        took = time.process_time() - began
        assert done.counts.output == rows
        return took / rows * 1e6


def main() -> None:
    """Print a line per way of asking."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="1000,10000,100000")
    parser.add_argument("--http", default="1000,10000")
    given = parser.parse_args()
    scripted = {"kind": "scripted"}
    cost(500, scripted)  # imports
    for rows in map(int, given.rows.split(",")):
        print(f"P3 in process, {rows:,} rows: {cost(rows, scripted):.0f} µs a row (goal 150)")
    with serving(Path(__file__).parents[1] / "tests/support/fault_server.py") as url:
        asked = {"kind": "openai", "model": "m", "base_url": url}
        for rows in map(int, given.http.split(",")):
            print(f"P3 HTTP, {rows:,} rows: {cost(rows, asked):.0f} µs a row (goal 600)")


if __name__ == "__main__":
    main()
