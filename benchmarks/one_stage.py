"""What most benchmarks run: a recipe over a file of instructions, answers unless told otherwise."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.execution.executor import Executor
from pipelines.execution.watch import Silent
from pipelines.recipe.parse import Recipe, parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.log import log
from pipelines.store.log.manifest import Manifest
from pipelines.store.store import Store


def said(rows: int) -> list[str]:
    """So many instructions."""
    return [f"Say {n} aloud." for n in range(rows)]


def recipe(
    texts: Sequence[str],
    folder: Path,
    engine: dict[str, Any],
    *more: dict[str, Any],
    shard_rows: int | None = None,
) -> Recipe:
    """Instructions from a file in `folder`, then the stages in `more` (or a plain answer)."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps({"instruction": text}) + "\n" for text in texts))
    stages = [{"use": "source.instructions", "path": str(path)}]
    stages += more or [{"use": "generate.respond"}]
    source = {"name": "measured", "engines": {"main": engine}, "stages": stages}
    return parse(source | {"placement": {"shard_rows": shard_rows}}, folder)


def carried_out(made: Recipe, folder: Path, executor: Executor) -> Manifest:
    """Run it on the store in `folder`; what became of the last stage."""
    job = prepare(made, Path("measured.yaml"), Store.at(folder / "store"))
    execute(job, executor, Silent(), run_in_threads)
    done = log.read(job.store.stage(job.steps[-1].folder))
    assert done is not None
    return done
