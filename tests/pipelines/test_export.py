import os

import pytest

from pipelines.export import export
from stages.errors import UserError


@pytest.fixture
def pairs(run_recipe, small_recipe):
    stages = [
        {"use": "generate.magpie", "rows": 6},
        {"use": "generate.respond", "samples": 3},
        {"use": "judge.quality"},
        {"use": "pair.best_worst", "min_margin": 0},
    ]
    return run_recipe(small_recipe(stages=stages))


def load(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert os.environ["HF_HUB_OFFLINE"]
    import datasets

    return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"]


def test_trl_dpo(pairs, tmp_path, monkeypatch):
    run, store = pairs
    export(store, run, "trl-dpo", tmp_path / "out")
    loaded = load(tmp_path / "out", monkeypatch, tmp_path)
    assert len(loaded) == 6
    row = loaded[0]
    assert [m["role"] for m in row["prompt"]] == ["user"]
    assert [m["role"] for m in row["chosen"] + row["rejected"]] == ["assistant"] * 2
    assert row["chosen_score"] >= row["rejected_score"]


def test_trl_sft(pairs, tmp_path, monkeypatch):
    run, store = pairs
    export(store, run, "trl-sft", tmp_path / "out")
    row = load(tmp_path / "out", monkeypatch, tmp_path)[0]
    assert [m["role"] for m in row["messages"]] == ["user", "assistant"]


def test_pairs_without_scores(run_recipe, small_recipe, tmp_path, monkeypatch):
    stages = [
        {"use": "generate.magpie", "rows": 4},
        {"use": "generate.respond"},
        {"use": "generate.respond", "columns": {"response": "other"}},
        {"use": "pair.known", "columns": {"better": "response", "worse": "other"}},
    ]
    run, store = run_recipe(small_recipe(stages=stages))
    export(store, run, "trl-dpo", tmp_path / "out")
    loaded = load(tmp_path / "out", monkeypatch, tmp_path)
    assert loaded.column_names == ["id", "prompt", "chosen", "rejected"]
    assert len(loaded) == 4


def test_trl_grpo(run_recipe, small_recipe, tmp_path, monkeypatch, root):
    take = {"instruction": "text", "expected": "text"}
    stages = [{"use": "source.rows", "path": "configs/seeds/problems.jsonl", "take": take}]
    run, store = run_recipe(small_recipe(stages=stages))
    export(store, run, "trl-grpo", tmp_path / "out")
    row = load(tmp_path / "out", monkeypatch, tmp_path)[0]
    assert row["prompt"][0]["content"].startswith("A baker makes 12 trays")
    assert row["answer"] == "43"


def test_magpies_column_names(run_recipe, small_recipe, tmp_path, monkeypatch):
    run, store = run_recipe(small_recipe())
    export(store, run, "magpie", tmp_path / "out")
    row = load(tmp_path / "out", monkeypatch, tmp_path)[0]
    assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt"]
    assert row["conversations"][1]["value"] == row["response"]
    assert row["response_length"] == len(row["response"])
    assert {"uuid", "score", "min_neighbor_distance"} <= set(row)
    assert "task_category" not in row


def test_a_run_without_pairs(run_recipe, small_recipe, tmp_path):
    run, store = run_recipe(small_recipe())
    with pytest.raises(UserError, match="has no column 'chosen'"):
        export(store, run, "trl-dpo", tmp_path / "out")


def test_no_such_format(pairs, tmp_path):
    run, store = pairs
    with pytest.raises(UserError, match="Did you mean 'trl-dpo'"):
        export(store, run, "trl_dpo", tmp_path / "out")


def test_a_folder_with_other_files(pairs, tmp_path):
    run, store = pairs
    out = tmp_path / "out"
    out.mkdir()
    (out / "other.parquet").write_text("")
    with pytest.raises(UserError, match="holds other files"):
        export(store, run, "trl-sft", out)
