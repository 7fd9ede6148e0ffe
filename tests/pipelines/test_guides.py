"""Every guide is short, explains itself and runs, here with scripted engines."""

import pytest
import yaml

from pipelines.export.export import export
from pipelines.recipe.parse import load
from pipelines.store.query.catalog import query
from tests.conftest import ROOT

GUIDES = sorted((ROOT / "configs/guides").glob("*.yaml"))


def scripted(path):
    names = yaml.safe_load(path.read_text())["engines"]
    return dict(load(path, [f"engines.{name}.kind=scripted" for name in names]).source)


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_a_guide(path, run_recipe):
    text = path.read_text()
    assert len(text.splitlines()) <= 25
    assert text.startswith("# ")
    run, store = run_recipe(scripted(path), folder=path.parent)
    assert run.status == "done"
    assert query(store, run, "SELECT * FROM dataset").num_rows > 0
    again, _ = run_recipe(scripted(path), store, folder=path.parent)
    assert all(step.reused for step in again.steps)
    assert again.content == run.content


def test_a_simulated_conversation_is_exported(run_recipe, tmp_path):
    run, store = run_recipe(scripted(ROOT / "configs/guides/simulated_user.yaml"))
    export(store, run, "trl-sft", tmp_path / "out")
    from datasets import load_dataset

    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert {len(row["messages"]) for row in rows} == {6}
    assert [m["role"] for m in rows[0]["messages"]] == ["user", "assistant"] * 3


def test_k_models_answer_each_row(run_recipe):
    run, store = run_recipe(scripted(ROOT / "configs/guides/k_of_n_models.yaml"))
    sql = (
        "SELECT engine, sum(calls) AS n FROM ledger WHERE stage = 'generate_candidates' GROUP BY 1"
    )
    asked = {row["engine"]: row["n"] for row in query(store, run, sql).to_pylist()}
    rows = query(store, run, "SELECT * FROM filter_instruction").num_rows
    assert sum(asked.values()) == 2 * rows
    assert len(asked) == 3
    pairs = query(store, run, "SELECT parents, count(*) AS n FROM generate_candidates GROUP BY 1")
    assert set(pairs["n"].to_pylist()) == {2}
