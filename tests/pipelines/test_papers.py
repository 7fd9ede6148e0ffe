"""Every recipe of a published method says which, and runs, here with scripted engines."""

import re

import pytest
import yaml

from pipelines.recipe.parse import load
from pipelines.store.query.catalog import query
from tests.conftest import ROOT
from tests.support.paper_checks import CHECKS

RECIPES = sorted((ROOT / "configs/papers").rglob("*.yaml"))


def scripted(path):
    names = yaml.safe_load(path.read_text())["engines"]
    script = "script=tests.support.plausible:plausible"
    settings = [f"engines.{n}.{s}" for n in names for s in ("kind=scripted", script)]
    return dict(load(path, settings).source)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe(path, run_recipe):
    text = path.read_text()
    head = "".join(line for line in text.splitlines(True) if line.startswith("#"))
    assert text.startswith("# ")
    assert re.search(r"arXiv:\d{4}\.\d{5}|Alpaca|your own documents", head), "says what it follows"
    run, store = run_recipe(scripted(path), folder=path.parent)
    assert run.status == "done"
    failed = query(store, run, "SELECT sum(failed) AS n FROM stages").to_pylist()[0]["n"]
    assert failed == 0
    rows = query(store, run, "SELECT * FROM dataset").to_pylist()
    assert rows
    if holds := CHECKS.get(f"{path.parent.name}/{path.stem}"):
        holds(rows)


def test_every_check_is_of_a_recipe():
    assert set(CHECKS) <= {f"{path.parent.name}/{path.stem}" for path in RECIPES}
