"""Bowerbird's recipe of two prompt stages: journal, ledger, manifest, verified Parquet shards.

python bowerbird_run.py URL ROWS OUT
"""

import json
import sys
import time
from pathlib import Path

from pipelines.execution.executor import LocalExecutor
from pipelines.execution.watch import Silent
from pipelines.recipe.parse import parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.store import Store


def main(url: str, rows: str, out: str) -> None:
    """The run, from its plan to its record."""
    source = {
        "name": "peers",
        "engines": {"main": {"kind": "openai", "model": "m", "base_url": url}},
        "stages": [
            {"use": "source.instructions", "path": rows},
            {"use": "generate.respond", "columns": {"response": "first"}, "max_tokens": 64},
            {"use": "generate.respond", "columns": {"instruction": "first", "response": "second"},
             "max_tokens": 64},
        ],
    }  # fmt: skip
    recipe = parse(source, Path(out))
    job = prepare(recipe, Path("peers.yaml"), Store.at(Path(out) / "store"))
    execute(job, LocalExecutor.of(recipe), Silent(), run_in_threads)


if __name__ == "__main__":
    began = time.perf_counter()
    main(*sys.argv[1:])
    print(json.dumps({"run_s": time.perf_counter() - began}))
