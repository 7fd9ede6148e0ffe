import json
import os

import pytest

from pipelines.export.export import export, left_out
from pipelines.export.formats import FORMATS
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


def load(folder, monkeypatch, tmp_path, split="train"):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert os.environ["HF_HUB_OFFLINE"]
    import datasets

    return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))[split]


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


TRL = ("trl-sft", "trl-prompt-completion", "trl-dpo", "trl-reward", "trl-kto", "trl-grpo")


@pytest.fixture
def everything(run_recipe, small_recipe, tmp_path):
    """A run whose rows have the columns of every format."""
    row = {
        "instruction": "Name a river.", "chosen": "The Nile.", "rejected": "No.",
        "response": "The Nile.", "expected": "Nile", "steps": ["First.", "Then."],
        "step_labels": ["yes", "no"], "reference": "The Po.",
    }  # fmt: skip
    rows = [row | {"instruction": f"Name river {n}."} for n in range(4)]
    rows[0] |= {"system": "Be brief."}
    rows[1] |= {"system": None}
    rows[2] |= {"system": None, "rejected": None}
    rows[3] |= {"system": None}
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    take = dict.fromkeys(rows[0], "text") | {"steps": "texts", "step_labels": "texts"}
    stages = [{"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take}]
    return run_recipe(small_recipe(stages=stages))


@pytest.mark.parametrize("form", sorted(set(FORMATS) - {"rows", "magpie"}))
def test_every_format_is_loaded_by_datasets(everything, tmp_path, monkeypatch, form):
    run, store = everything
    (file,) = export(store, run, form, tmp_path / "out")
    assert file.suffix == (".jsonl" if form.startswith("openai") else ".parquet")
    loaded = load(tmp_path / "out", monkeypatch, tmp_path)
    pair = form in ("trl-dpo", "trl-tpo", "trl-reward", "axolotl-dpo", "openai-dpo")
    assert len(loaded) == (6 if form == "trl-kto" else 3 if pair else 4)


@pytest.mark.parametrize("form", TRL)
def test_trl_reads_it(everything, tmp_path, monkeypatch, form):
    """By the functions that its trainers call before they tokenize."""
    from trl.data_utils import apply_chat_template, is_conversational

    run, store = everything
    export(store, run, form, tmp_path / "out")
    rows = load(tmp_path / "out", monkeypatch, tmp_path)
    row = next(r for r in rows if "Name river 0." in str(r) and r.get("label", True))
    assert is_conversational(row)
    text = apply_chat_template(row, Written())
    if form == "trl-kto":
        assert text["label"] is True
    if form in ("trl-dpo", "trl-kto", "trl-prompt-completion", "trl-grpo"):
        assert text["prompt"].startswith("[system] Be brief. [user] Name river 0.")
    if form in ("trl-dpo", "trl-reward"):
        assert text["chosen"].endswith("The Nile.")
        assert text["rejected"].endswith("No.")


class Written:
    """A tokenizer as far as TRL's `apply_chat_template` asks one: it writes roles in brackets."""

    def apply_chat_template(self, messages, tokenize=False, add_generation_prompt=False, **_):
        text = " ".join(f"[{m['role']}] {m['content']}" for m in messages)
        return f"{text} [assistant] " if add_generation_prompt else text


def test_what_the_other_formats_hold(everything, tmp_path, monkeypatch):
    run, store = everything
    rows = {}
    for form in ("sharegpt", "alpaca", "axolotl-dpo", "openai", "openai-dpo", "trl-stepwise"):
        export(store, run, form, tmp_path / form)
        monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / f"cache {form}"))
        rows[form] = load(tmp_path / form, monkeypatch, tmp_path)[0]
    turns = [(turn["from"], turn["value"]) for turn in rows["sharegpt"]["conversations"]]
    told = [("system", "Be brief."), ("human", "Name river 0."), ("gpt", "The Nile.")]
    assert turns == told
    assert rows["alpaca"] == {"instruction": "Name river 0.", "input": "", "output": "The Nile."}
    assert rows["axolotl-dpo"]["chosen"] == {"role": "assistant", "content": "The Nile."}
    assert [m["role"] for m in rows["axolotl-dpo"]["messages"]] == ["system", "user"]
    assert [m["role"] for m in rows["openai"]["messages"]] == ["system", "user", "assistant"]
    assert [m["role"] for m in rows["openai-dpo"]["input"]["messages"]] == ["system", "user"]
    assert rows["openai-dpo"]["preferred_output"][0]["content"] == "The Nile."
    assert rows["trl-stepwise"]["completions"] == ["First.", "Then."]


def test_turns_of_a_conversation_are_kept(run_recipe, small_recipe, tmp_path, monkeypatch):
    said = [("system", "Be brief."), ("user", "One?"), ("assistant", "1."), ("user", "Two?"),
            ("assistant", "2.")]  # fmt: skip
    row = {"messages": [{"role": role, "content": text} for role, text in said]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    take = {"messages": "messages"}
    stages = [{"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take}]
    run, store = run_recipe(small_recipe(stages=stages))
    export(store, run, "sharegpt", tmp_path / "out")
    (row,) = load(tmp_path / "out", monkeypatch, tmp_path)
    turns = [(turn["from"], turn["value"]) for turn in row["conversations"]]
    names = {"user": "human", "assistant": "gpt"}
    assert turns == [(names.get(role, role), text) for role, text in said]


def test_a_conversation_begins_with_the_rows_system_message(
    run_recipe, small_recipe, tmp_path, monkeypatch
):
    said = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "1."}]
    begun = [{"role": "system", "content": "Be kind."}, *said]
    rows = [{"messages": said, "system": "Be brief."}, {"messages": said, "system": None},
            {"messages": begun, "system": "Be brief."}]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    take = {"messages": "messages", "system": "text"}
    stages = [{"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take}]
    run, store = run_recipe(small_recipe(stages=stages))
    export(store, run, "trl-sft", tmp_path / "out")
    loaded = load(tmp_path / "out", monkeypatch, tmp_path)
    firsts = sorted(row["messages"][0]["content"] for row in loaded)
    assert firsts == ["Be brief.", "Be kind.", "One?"]
    assert [len(row["messages"]) for row in loaded].count(3) == 2


@pytest.mark.parametrize("form", ["trl-sft", "alpaca", "openai", "trl-prompt-completion"])
def test_empty_answers_stay_behind(run_recipe, small_recipe, tmp_path, form):
    rows = [{"instruction": "One?", "response": answer} for answer in ("1.", "", None)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    take = {"instruction": "text", "response": "text"}
    stages = [{"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take}]
    run, store = run_recipe(small_recipe(stages=stages))
    export(store, run, form, tmp_path / "out")
    assert left_out(store, run, form) == 2


def test_the_commands_help_names_every_format():
    from pipelines.cli.results import _FORMATS

    assert _FORMATS.replace(" or ", ", ").split(", ") == list(FORMATS)


def test_ties_are_no_preferences_and_answers_stand_once(
    run_recipe, small_recipe, tmp_path, monkeypatch
):
    pairs = [("a", "b", False), ("a", "c", False), ("b", "c", False), ("d", "e", True)]
    lines = [
        {"instruction": "Name a river.", "chosen": one, "rejected": two, "tie": tie}
        for one, two, tie in pairs
    ]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    take = dict.fromkeys(lines[0], "text") | {"tie": "boolean"}
    stages = [{"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take}]
    run, store = run_recipe(small_recipe(stages=stages))
    counts = {}
    for form in ("trl-dpo", "trl-reward", "openai-dpo", "axolotl-dpo", "trl-kto"):
        export(store, run, form, tmp_path / form)
        loaded = load(tmp_path / form, monkeypatch, tmp_path)
        counts[form] = len(loaded)
        if form == "trl-kto":
            said = {(row["completion"][0]["content"], row["label"]) for row in loaded}
            assert said == {("a", True), ("c", False)}, "b wins once and loses once"
    assert counts == {
        "trl-dpo": 4, "trl-reward": 3, "openai-dpo": 3, "axolotl-dpo": 3, "trl-kto": 2,
    }  # fmt: skip


def divided(run_recipe, small_recipe, tmp_path, keep):
    rows = [
        {"instruction": f"Name river {n % 60}.", "response": f"Number {n}."} for n in range(240)
    ]
    rows.append({"instruction": None, "response": "The Nile."})
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    take = {"instruction": "text", "response": "text"}
    stages = [
        {"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take},
        {"use": "annotate.part", "parts": {"train": 0.75, "test": 0.25}, "by": "instruction"},
        {"use": "filter.where", "columns": {"value": "part"}, "one_of": keep},
    ]
    return run_recipe(small_recipe(stages=stages))


def test_parts_are_splits(run_recipe, small_recipe, tmp_path, monkeypatch):
    run, store = divided(run_recipe, small_recipe, tmp_path, ["train", "test"])
    files = export(store, run, "trl-sft", tmp_path / "out")
    assert [file.name.split("-")[0] for file in files] == ["test", "train"]
    test, train = (load(tmp_path / "out", monkeypatch, tmp_path, s) for s in ("test", "train"))
    asked = [{row["messages"][0]["content"] for row in split} for split in (test, train)]
    assert len(test) + len(train) == 240
    assert min(map(len, asked)) > 5
    assert not asked[0] & asked[1]
    # The one without an instruction has no conversation.
    assert left_out(store, run, "trl-sft") == 1
    assert left_out(store, run, "rows") == 0


def test_rows_without_a_part_are_in_no_split(run_recipe, small_recipe, tmp_path):
    magpie, parts = {"use": "generate.magpie", "rows": 20}, {"train": 0.5, "test": 0.5}
    chains = {
        "divided": [magpie, {"use": "annotate.part", "parts": parts}],
        "other": [magpie | {"temperature": 1.2}],
    }
    stages = [{"use": "mix.concat", "of": ["divided", "other"]}]
    run, store = run_recipe(small_recipe(chains=chains, stages=stages))
    with pytest.raises(UserError, match="are in no part, and others are"):
        export(store, run, "rows", tmp_path / "out")


def test_one_part_alone_is_the_split_train(run_recipe, small_recipe, tmp_path):
    run, store = divided(run_recipe, small_recipe, tmp_path, ["test"])
    (file,) = export(store, run, "rows", tmp_path / "out")
    assert file.name == "train-00000-of-00001.parquet"


def test_a_dataset_without_rows_of_the_format(run_recipe, small_recipe, tmp_path):
    pair = {"instruction": "Name a river.", "chosen": "The Po.", "rejected": "The Po."}
    (tmp_path / "rows.jsonl").write_text(json.dumps(pair))
    take = dict.fromkeys(pair, "text")
    stages = [{"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take}]
    run, store = run_recipe(small_recipe(stages=stages))
    with pytest.raises(UserError, match="no rows that trl-dpo takes"):
        export(store, run, "trl-dpo", tmp_path / "out")
    assert not (tmp_path / "out").exists()
