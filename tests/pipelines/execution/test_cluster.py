"""A real Ray cluster of two nodes: a node that dies, a row that kills engines, an address."""

import os
import threading
import time
from pathlib import Path

import pytest

from pipelines.execution.executor import LocalExecutor, executor_for
from pipelines.execution.watch import Silent
from pipelines.recipe.parse import parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.query.catalog import query
from pipelines.store.store import Store
from tests.support.loopback_ray import Cluster

pytestmark = pytest.mark.slow
STAGES = [
    {"use": "source.instructions", "path": ""},
    {"use": "generate.respond"},
    {"use": "filter.response"},
    {"use": "dedup.exact", "columns": {"instruction": "response"}},
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    marks = tmp_path_factory.mktemp("marks")
    os.environ["DEADLY_MARKS"] = str(marks)  # engines' processes inherit it from their node
    made = Cluster()
    made.marks = marks
    made.add("other")
    yield made
    made.close()


@pytest.fixture
def source(small_recipe, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"instruction": "Say row {n} aloud."}}\n' for n in range(96)))

    def make(script, **placement):
        stages = [{**STAGES[0], "path": str(path)}, *STAGES[1:]]
        main = {"kind": "scripted", "script": f"tests.data.deadly_script:{script}"}
        placed = {"shard_rows": 8, **placement}
        return small_recipe(engines={"main": main}, stages=stages, placement=placed)

    return make


def run(source, folder, root, executor=None, watch=None):
    job = prepare(parse(source, root), Path("x.yaml"), Store.at(folder))
    executor = executor or LocalExecutor.of(job.recipe)
    return execute(job, executor, watch or Silent(), run_in_threads), job.store


class Told(Silent):
    """What was lost, and how long nothing was committed."""

    def __init__(self):
        self.causes = []
        self.last, self.longest = time.monotonic(), 0.0

    def committed(self, step, shard, *, reused):
        if step.name == "generate_respond":
            self.longest = max(self.longest, time.monotonic() - self.last)
            self.last = time.monotonic()

    def lost(self, step, cause):
        self.causes.append(cause)


def test_a_node_is_killed_during_the_run(cluster, source, tmp_path, root):
    wanted = source("slow", engines={"main": {"replicas": 2}})
    recipe = parse(wanted, root)
    watch = Told()

    def killer():
        # In the middle of a shard of eight rows: the death of the node is felt.
        for _ in range(1200):
            if (cluster.marks / "stuck").exists():
                break
            time.sleep(0.1)
        cluster.kill("other")

    thread = threading.Thread(target=killer)
    thread.start()
    executor = executor_for(recipe, local=False, address=cluster.address)
    done, _ = run(wanted, tmp_path / "cluster", root, executor, watch)
    thread.join()
    plain, _ = run(source("slow"), tmp_path / "plain", root)
    assert done.content == plain.content
    assert watch.causes
    # With both cores busy a new engine alone took more than the minute it takes otherwise.
    assert watch.longest < 240


def test_a_row_that_kills_the_engine_is_quarantined(cluster, source, tmp_path, root):
    wanted = source("deadly")
    executor = executor_for(parse(wanted, root), local=False, address=cluster.address)
    watch = Told()
    done, store = run(wanted, tmp_path / "cluster", root, executor, watch)
    assert done.status == "done"
    failed = query(store, done, "SELECT * FROM rejected WHERE fate = 'failed'").to_pylist()
    assert [each["reason"] for each in failed] == ["process.died"]
    assert failed[0]["instruction"] == "Say row 5 aloud."
    assert "the engine's process died" in failed[0]["detail"]
    assert len(watch.causes) >= 4
