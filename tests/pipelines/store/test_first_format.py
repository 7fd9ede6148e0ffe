"""A store that Bowerbird 0.1.0 wrote opens, answers and goes on."""

import json
import shutil
from pathlib import Path

import pytest

from pipelines.recipe.parse import load
from pipelines.store.log import log
from pipelines.store.query.catalog import query
from pipelines.store.store import Store
from pipelines.store.upkeep.verify import verify

KEPT = Path(__file__).parents[2] / "data/stores/format-1"


@pytest.fixture
def store(tmp_path):
    shutil.copytree(KEPT / "store", tmp_path / "store")
    return Store.at(tmp_path / "store")


def rows(store, run):
    return query(store, run, "SELECT * FROM dataset").to_pylist()


def test_it_is_read(store):
    expected = json.loads((KEPT / "dataset.json").read_text())
    assert rows(store, store.find(None)) == expected
    assert verify(store).findings == []


def test_the_same_recipe_runs_in_it(store, run_recipe):
    old = store.find(None)
    source = dict(load(KEPT / "recipe.yaml").source)
    run, _ = run_recipe(source, store)
    assert run.status == "done"
    # Seeds and ids come from fingerprints; that these are other ones now is no loss of rows.
    assert len(rows(store, run)) == len(rows(store, old)) == 6


def test_the_first_commit_to_an_old_stage_takes_over_what_was_there(store):
    folder = store.stage(store.find(None).steps[0].folder)
    before = log.read(folder)
    log.Log(folder).commit(1, given="all")
    after = log.read(folder)
    assert after.shards == before.shards
    assert after.version == 1
    assert verify(store).findings == []


def test_damage_to_it_is_noticed(store):
    path = next(store.stages.path.glob("generate.respond-*/part-*"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert [Path(f.where).name for f in verify(store).findings] == [path.name]
