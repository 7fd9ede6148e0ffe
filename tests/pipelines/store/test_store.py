"""Shards are read only if they are what the manifest says; history and SQL over them."""

import subprocess
import sys

import pyarrow as pa
import pytest

from pipelines.store.files import shards
from pipelines.store.files.folder import LocalFolder
from pipelines.store.log import log
from pipelines.store.log.manifest import Counts
from pipelines.store.query.catalog import query
from pipelines.store.query.lineage import history
from stages.errors import RunError, UserError


@pytest.fixture
def done(run_recipe, small_recipe):
    return run_recipe(small_recipe())


def sql(done, text):
    run, store = done
    return query(store, run, text).to_pylist()


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_shard_is_never_read(done, damage):
    run, store = done
    folder = store.stage(run.steps[-1].folder)
    file = log.read(folder).shards[0].part
    path = folder.path / file.name
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_bytes(content[:-10])
    else:
        path.unlink()
    with pytest.raises(RunError, match=file.name):
        shards.read(folder, file)
    with pytest.raises(RunError, match=file.name):
        sql(done, "SELECT * FROM dataset")


READS = """
import os, sys
from pathlib import Path
from pipelines.store.files import shards
from pipelines.store.log import log
from pipelines.store.files.folder import LocalFolder
folder = LocalFolder(Path(sys.argv[1]))
parts = [shard.part for shard in log.read(folder).shards]
before = len(os.listdir("/proc/self/task"))
assert [shards.read(folder, part) for part in parts]
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_a_read_leaves_nothing_with_a_thread_that_could_outlive_the_process(done):
    """Arrow's threads hold Python's buffers a moment too long: `verify` aborted at its exit."""
    run, store = done
    folder = store.stage(run.steps[-1].folder).path
    command = [sys.executable, "-c", READS, str(folder)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0\n"


def test_a_damaged_manifest_says_so(done):
    run, store = done
    folder = store.stage(run.steps[-1].folder)
    path = folder.path / "log" / log.name(log.read(folder).version)
    path.write_text(path.read_text().replace('"epoch":1', '"epoch":3'))
    with pytest.raises(RunError, match="is damaged"):
        log.read(folder)


def test_counts_must_add_up():
    assert Counts(input=4, annotated=1, parents=1, dropped=1, failed=1).add_up()
    assert not Counts(input=4, annotated=1, dropped=1, failed=1).add_up()


def test_the_dataset_view_has_the_columns_everyone_counts_on(done):
    (row,) = sql(done, "SELECT id, instruction, response, messages FROM dataset LIMIT 1")
    assert row["messages"] == [
        {"role": "user", "content": row["instruction"]},
        {"role": "assistant", "content": row["response"]},
    ]


def test_the_views_agree_with_each_other(done):
    (total,) = sql(done, "SELECT sum(dropped) AS d, sum(failed) AS f FROM stages")
    (gone,) = sql(done, "SELECT count(*) AS n FROM rejected")
    assert gone["n"] == total["d"] + total["f"]
    (last,) = sql(done, "SELECT rows_out FROM stages ORDER BY position DESC LIMIT 1")
    assert sql(done, "SELECT count(*) AS n FROM dataset") == [{"n": last["rows_out"]}]
    assert sql(done, "SELECT count(*) AS n FROM generate_magpie") == [{"n": 12}]
    assert sql(done, "SELECT status FROM runs") == [{"status": "done"}]


def test_every_row_is_in_the_dataset_or_rejected(done):
    lost = """
    SELECT id FROM generate_magpie
    EXCEPT (SELECT id FROM dataset UNION ALL SELECT id FROM rejected)
    """
    assert sql(done, lost) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY dataset TO '/tmp/bowerbird-should-not-exist.csv'",
        "ATTACH '/tmp/bowerbird-should-not-exist.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELEKT 1",
        "SELECT * FROM nothing",
    ],
)
def test_sql_that_is_refused_is_one_line(done, text):
    with pytest.raises(UserError) as caught:
        sql(done, text)
    assert "\n" not in str(caught.value)
    assert "dataset, rejected, stages, ledger, runs" in caught.value.remedy


def test_sql_cannot_change_the_store(done):
    _, store = done
    files = sorted(p for p in store.root.path.rglob("*") if p.is_file())
    before = [p.read_bytes() for p in files]
    target = store.root.path / "stages" / "stolen.csv"
    with pytest.raises(UserError):
        sql(done, f"COPY (SELECT 1) TO '{target}'")
    assert sorted(p for p in store.root.path.rglob("*") if p.is_file()) == files
    assert [p.read_bytes() for p in files] == before


def test_a_store_with_a_quote_in_its_name(run_recipe, small_recipe, tmp_path):
    from pipelines.store.store import Store

    run, store = run_recipe(small_recipe(), Store.at(tmp_path / "it's a store"))
    assert query(store, run, "SELECT count(*) AS n FROM dataset").num_rows == 1


def test_the_history_of_a_kept_row(done):
    run, store = done
    (row,) = sql(done, "SELECT id FROM dataset LIMIT 1")
    events = history(store, run, row["id"])
    assert [e.stage for e in events] == [step.name for step in run.steps]
    assert events[0].fate == "made"
    assert "score" in next(e for e in events if e.stage == "judge_quality").columns


def test_the_history_of_a_dropped_row(done):
    run, store = done
    (row,) = sql(done, "SELECT id, stage, reason FROM rejected LIMIT 1")
    last = history(store, run, row["id"])[-1]
    assert (last.stage, last.fate) == (row["stage"], "dropped")
    assert last.columns["reason"] == row["reason"]


def test_the_history_of_a_child_begins_with_its_parents(run_recipe, small_recipe):
    stages = [
        {"use": "generate.magpie", "rows": 4},
        {"use": "generate.respond", "samples": 3},
        {"use": "judge.quality"},
        {"use": "pair.best_worst", "min_margin": 0},
    ]
    run, store = run_recipe(small_recipe(stages=stages))
    (row, *_) = query(store, run, "SELECT id, chosen, instruction FROM dataset").to_pylist()
    events = history(store, run, row["id"])
    assert events[0].columns["instruction"] == row["instruction"]
    assert events[-1].fate.startswith("derived from ")
    assert sum(e.stage == "judge_quality" for e in events) == 2


def test_no_such_row(done):
    run, store = done
    with pytest.raises(UserError, match="has no row 'nobody'"):
        history(store, run, "nobody")


@pytest.mark.parametrize("name", ["nothing", "../up", ".", ""])
def test_no_such_run(done, name):
    _, store = done
    if name:
        with pytest.raises(UserError, match="there is no run"):
            store.find(name)


def test_an_empty_store(tmp_path):
    from pipelines.store.store import Store

    with pytest.raises(UserError, match="there are no runs"):
        Store.at(tmp_path).find(None)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    table = pa.table({"id": ["a", "b"], "x": [1, 2]})
    first, second = (shards.write(LocalFolder(tmp_path / n), "part", table) for n in "ab")
    assert first.sha256 == second.sha256
