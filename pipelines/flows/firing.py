"""What a schedule fires: a run of a recipe with a seed of its own.

The seed comes from the recipe's and from the time the run was due, so that each firing draws
other rows and the same firing, tried again, the same. A firing first ends the run of the firing
before it where that did not end: what was paid for is not lost.
"""

import hashlib
import json
import logging
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from prefect import flow, get_run_logger, runtime

from pipelines.execution.executor import executor_for
from pipelines.execution.watch import Silent
from pipelines.flows.steps import in_this_flow, threads
from pipelines.recipe.parse import Recipe, load
from pipelines.run.execute import execute
from pipelines.run.job import prepare
from pipelines.store.runs import Run
from pipelines.store.store import Store
from stages.errors import BowerbirdError, RunError, UserError

# Nobody watches at night: a stage that failed (an endpoint that was down, a full disk) is tried
# again with all that is committed kept. Prefect's own settings say otherwise.
_RETRIES = int(os.environ.get("PREFECT_FLOWS_DEFAULT_RETRIES", "2"))
_DELAY_S = int(os.environ.get("PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS", "60"))


def _plain(record: logging.LogRecord) -> bool:
    """A cause and a remedy need no traceback."""
    if record.exc_info and isinstance(record.exc_info[1], BowerbirdError):
        record.exc_info = None
    return True


logging.getLogger("prefect.flow_runs").addFilter(_plain)


def _name() -> str:
    return f"{Path(runtime.flow_run.parameters['recipe']).stem} {_due()}"


@flow(
    name="bowerbird",
    flow_run_name=_name,
    task_runner=threads(),
    retries=_RETRIES,
    retry_delay_seconds=_DELAY_S,
    persist_result=False,
)
def firing(
    recipe: str, store: str = "store", overrides: Sequence[str] = (), local: bool = False
) -> None:
    """Run `recipe` with the seed of this firing; first what the firing before left undone.

    Args:
        recipe: Path of the recipe's YAML file.
        store: Path of the store.
        overrides: Dotted `key=value`, as `--set` takes them.
        local: In this process, without Ray.
    """
    _check_parameters(recipe, store, overrides, local=local)
    where, path = Store.at(store), Path(recipe)
    base = load(path, overrides)
    errors = []
    for due in (*unfinished(where, base, _due()), _due()):
        try:
            _run(path, [*overrides, f"seed={seed(base.seed, due)}"], where, due, local)
        except BowerbirdError as error:
            errors.append(error)
    if errors:
        raise errors[0]


SERVED = "BOWERBIRD_SERVED"
"""The environment variable by which a process that serves says what it serves, as JSON."""

RECIPES = "BOWERBIRD_RECIPES"
"""The environment variable that names the folder whose recipes a work pool's runs may take."""

_FREE = {"max_model_len", "max_num_seqs", "dtype", "batch_size",
         "max_concurrency", "requests_per_minute", "tokens_per_minute"}  # fmt: skip
"""Settings of engines that a parameter may change: none of them is started, read or reached."""


def _check_parameters(recipe: str, store: str, overrides: Sequence[str], *, local: bool) -> None:
    """Refuse parameters other than those served: anybody who can ask the server chooses them.

    Raises:
        UserError: they are not what is served, or would start, read or reach something else.
    """
    served = os.environ.get(SERVED)
    given = {"recipe": recipe, "store": store, "overrides": list(overrides), "local": local}
    if served is not None:
        if given != json.loads(served):
            cause = "the run was asked for with other parameters than those that are served"
            raise UserError(cause, "Serve the recipe with them: `bowerbird serve` takes --set.")
        return
    folder = Path(os.environ.get(RECIPES) or Path.cwd()).resolve()
    if not Path(recipe).resolve().is_relative_to(folder):
        cause = f"the recipe {recipe} is not in {folder}"
        raise UserError(cause, f"Start the worker there, or with {RECIPES} set to its folder.")
    if "://" in store and store != os.environ.get("BOWERBIRD_STORE"):
        cause = f"the store {store} is not this worker's"
        raise UserError(cause, "Start the worker with BOWERBIRD_STORE set to it.")
    for override in overrides:
        key, _, text = override.partition("=")
        keys = key.split(".")
        engine = keys[0] == "engines" and (len(keys) != 3 or keys[2] not in _FREE)
        if engine or keys[-1] == "path" or keys[0] == "name" or "{" in text or "[" in text:
            cause = f"a run's parameter may not set '{key[:80]}'"
            raise UserError(cause, "Write it into the recipe.")


def _run(path: Path, overrides: list[str], store: Store, due: str, local: bool) -> None:
    recipe = load(path, overrides)
    job = prepare(recipe, path, store, scheduled=due)
    say = get_run_logger().info
    say("run %s, due %s, seed %d", job.run.id, due, recipe.seed)
    done = execute(job, executor_for(recipe, local=local), Silent(), in_this_flow(job))
    _report(store, done)
    say("run %s is done: %s", done.id, store.run(done.id).uri("report.html"))


def _report(store: Store, run: Run) -> None:
    """Write the report in a process of its own.

    Once DuckDB is imported in a flow's process its types outlive the interpreter, which then
    prints a page about leaks for every firing (DuckDB 2.0 with Prefect 3.7).
    """
    writer = multiprocessing.get_context("spawn").Process(target=_write, args=(store, run))
    writer.start()
    writer.join()
    if writer.exitcode:
        cause = f"the rows of {run.id} are there, but its report was not written"
        raise RunError(cause, f"`bowerbird report {run.id}` says why.")


def _write(store: Store, run: Run) -> None:
    from pipelines.report.page import write_report

    write_report(store, run)


def _due() -> str:
    """When this firing was due: UTC in ISO 8601, to the second."""
    time: datetime = runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    return time.astimezone(UTC).isoformat(timespec="seconds")


def seed(base: int, due: str) -> int:
    """31 bits of the recipe's seed and the time a run was due."""
    digest = hashlib.sha256(f"{base} {due}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


def unfinished(store: Store, base: Recipe, due: str) -> Iterator[str]:
    """When the firing before this one was due, if its run did not end and the recipe still is its.

    A recipe that was changed meanwhile starts afresh.
    """
    fired = [r for r in store.all_runs() if r.scheduled and r.scheduled < due and _of(base, r)]
    last = max(fired, key=lambda run: (run.scheduled, run.started, run.id), default=None)
    if last is not None and not last.has_dataset:
        yield last.scheduled


def _of(base: Recipe, run: Run) -> bool:
    mine, its = ({k: v for k, v in s.items() if k != "seed"} for s in (base.source, run.source))
    return mine == its and run.seed == seed(base.seed, run.scheduled)
