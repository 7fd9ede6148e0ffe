"""What several tests need: recipes, stores and scripted runs."""

import os
from pathlib import Path

# Ray listens and connects on loopback alone; it reads this when it is imported.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

import pyarrow as pa
import pytest
from xdist.scheduler import LoadFileScheduling

from pipelines.execution.executor import LocalExecutor
from pipelines.execution.watch import Silent
from pipelines.recipe.parse import parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.store import Store
from tests.security import no_pickle

no_pickle.watch()
ROOT = Path(__file__).parents[1]
# Kills of a flow on Ray: `make chaos` has a hundred; `make test` terminates one
# (pipelines/execution/test_on_ray_and_prefect) and kills runs in one process (chaos/test_kills).
_LONG = ["chaos/test_full_form.py", "chaos/test_slow_prefect.py"]
collect_ignore = [] if "CHAOS_REPORT" in os.environ else _LONG
LANES = {
    "clusters": (
        "chaos/test_full_form",
        "chaos/test_slow_prefect",
        "pipelines/execution/test_cluster",
        "pipelines/execution/test_on_ray_and_prefect",
        "pipelines/test_packaged_model",
        "security/test_secrets",
    ),
    "models": (
        "stages/engines/test_vllm",
        "stages/engines/test_vllm_reward",
        "stages/engines/test_vllm_serve",
    ),
    "schedules": ("pipelines/flows/test_machinery", "pipelines/flows/test_schedule"),
}
"""Files whose tests go one after another: beside another of them a cluster's nodes miss their
deadlines, or two models take more memory than there is. They take longest, so they come first."""


def _lane(nodeid):
    """Of the test's file; empty for one that may run beside all others."""
    file = nodeid.split("::")[0].removeprefix("tests/").removesuffix(".py")
    return next((lane for lane, files in LANES.items() if file in files), "")


class Lanes(LoadFileScheduling):
    """Of the processes of `make test` one takes each lane, the others what is left."""

    def _split_scope(self, nodeid):
        return _lane(nodeid) or super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    """Files stay together, and so do lanes."""
    assert all((ROOT / f"tests/{f}.py").is_file() for files in LANES.values() for f in files)
    return Lanes(config, log)


def pytest_collection_modifyitems(items):
    """What takes longest begins first."""
    order = [*LANES, ""]
    items.sort(key=lambda item: order.index(_lane(item.nodeid)))


@pytest.fixture
def root():
    """The repository."""
    return ROOT


@pytest.fixture
def as_table():
    """Rows as a table, with ids "row0", "row1" … where none are given."""

    def make(values, **types):
        given = [{"id": f"row{i}", "parents": [], **row} for i, row in enumerate(values)]
        table = pa.Table.from_pylist(given)
        for name, kind in types.items():
            table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
        return table

    return make


@pytest.fixture
def reader():
    """A `ShardReader` over tables in memory."""

    class Reader:
        def __init__(self, *tables, **chains):
            self._tables, self._chains = tables, chains

        def tables(self, columns=None):
            for table in self._tables:
                yield table.select(columns) if columns else table

        def chain(self, name):
            return Reader(self._chains[name])

    return Reader


@pytest.fixture
def small_recipe():
    """The source of a small scripted recipe; keyword arguments replace its keys."""

    def make(**changes):
        source = {
            "name": "small",
            "seed": 3,
            "engines": {
                "main": {"kind": "scripted"},
                "embedder": {"kind": "scripted"},
            },
            "stages": [
                {"use": "generate.magpie", "rows": 12},
                {"use": "filter.instruction"},
                {"use": "generate.respond"},
                {"use": "filter.response"},
                {"use": "judge.quality"},
                {"use": "annotate.embedding"},
                {"use": "dedup.semantic"},
                {"use": "select.quality_diversity", "rows": 6},
            ],
            "placement": {"shard_rows": 4},
        }
        return source | changes

    return make


@pytest.fixture
def run_recipe(tmp_path):
    """Run a recipe's source in this process: `run, store = run_recipe(source)`."""

    def run(source, store=None, watch=None, folder=ROOT):
        store = store or Store.at(tmp_path / "store")
        job = prepare(parse(source, folder), Path("test.yaml"), store)
        done = execute(job, LocalExecutor.of(job.recipe), watch or Silent(), run_in_threads)
        return done, store

    return run
