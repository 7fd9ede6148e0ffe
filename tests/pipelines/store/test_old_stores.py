"""Stores that older versions wrote open, answer and go on.

`format-1` is of Bowerbird 0.1.0; `format-2` of the time between it and 0.2, before a stage could
have several engines.
"""

import json
import shutil
from pathlib import Path

import pytest

from pipelines.audit.audit import audit
from pipelines.recipe.parse import load
from pipelines.store.log import log
from pipelines.store.query.catalog import query
from pipelines.store.store import Store
from pipelines.store.upkeep.verify import verify

STORES = Path(__file__).parents[2] / "data/stores"


@pytest.fixture(params=["format-1", "format-2"])
def kept(request):
    return STORES / request.param


@pytest.fixture
def store(kept, tmp_path):
    shutil.copytree(kept / "store", tmp_path / "store")
    return Store.at(tmp_path / "store")


def rows(store, run):
    return query(store, run, "SELECT * FROM dataset").to_pylist()


def test_it_is_read(store, kept):
    expected = json.loads((kept / "dataset.json").read_text())
    assert rows(store, store.find(None)) == expected
    assert verify(store).findings == []


def test_the_same_recipe_runs_in_it(store, kept, run_recipe):
    old = store.find(None)
    source = dict(load(kept / "recipe.yaml").source)
    run, _ = run_recipe(source, store)
    assert run.status == "done"
    # Seeds and ids come from fingerprints; that these are other ones now is no loss of rows.
    assert len(rows(store, run)) == len(rows(store, old)) == 6


def test_what_its_calls_took_is_known(tmp_path):
    shutil.copytree(STORES / "format-2/store", tmp_path / "store")
    store = Store.at(tmp_path / "store")
    sql = "SELECT stage, engine, sum(calls)::INT AS calls FROM ledger GROUP BY 1, 2 ORDER BY 1"
    expected = json.loads((STORES / "format-2/ledger.json").read_text())
    assert query(store, store.find(None), sql).to_pylist() == expected


@pytest.mark.parametrize("kept", ["format-1"], indirect=True)
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


def test_its_judge_is_audited(store):
    """Its record says nothing of settings, and of the model that replied in its own way."""
    found = {(figure.judge, figure.name) for figure in audit(store, store.find(None))}
    assert {name for _, name in found} >= {"mean score", "without a verdict"}
