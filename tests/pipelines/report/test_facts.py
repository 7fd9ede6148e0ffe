"""What the report shows of many rows: samples of all kinds, and roles rather than paths."""

import json
from contextlib import closing

import pytest
from msgspec import structs

from pipelines.report import facts
from pipelines.store.query.catalog import open_catalog


@pytest.fixture
def many(run_recipe, small_recipe):
    stages = small_recipe()["stages"]
    stages[0] = {"use": "generate.magpie", "rows": 120}
    stages[1] = {"use": "filter.instruction", "min_chars": 72}
    stages[-1] = {"use": "select.quality_diversity", "rows": 40}
    return run_recipe(small_recipe(stages=stages))


def test_rejected_rows_are_shown_however_many_are_kept(many, monkeypatch):
    run, store = many
    monkeypatch.setattr(facts, "_LISTED", 20)
    rows = facts.read_facts(store, run).sample
    kinds = [row["status"] for row in rows]
    assert len(rows) == 20
    assert kinds.count("kept") == kinds.count("dropped") == 10
    monkeypatch.setattr(facts, "_LISTED", 1000)
    whole = facts.read_facts(store, run)
    assert len(whole.sample) == 120
    assert whole.rows == 40


def test_the_map_is_a_sample_and_not_the_first_rows(many, monkeypatch):
    run, store = many
    monkeypatch.setattr(facts, "_MAPPED", 12)
    with closing(open_catalog(store, run)) as catalog:
        ids = [row["id"] for row in facts.mapped(catalog, run)]
        first = catalog.sql("SELECT id FROM annotate_embedding LIMIT 12").fetchall()
        everything = catalog.sql("SELECT id FROM annotate_embedding ORDER BY id").fetchall()
    assert ids == [row[0] for row in everything][:12]
    assert ids != [row[0] for row in first]


def test_a_stage_is_what_it_says_it_is(many, monkeypatch):
    """Costs and map go by the role in the record, wherever the stage's file lies."""
    from pipelines.store.query import costs

    run, store = many
    (line,) = costs.table(store).to_pylist()
    assert line["judge"] == "scripted"
    renamed = [structs.replace(step, path=f"mine.stage_{i}") for i, step in enumerate(run.steps)]
    mine = structs.replace(run, steps=tuple(renamed))
    assert costs._line(store, mine) == line
    old = [structs.replace(step, role="") for step in run.steps]
    assert costs._line(store, structs.replace(run, steps=tuple(old))) == line


def test_tokens_of_an_unknown_judge_are_not_one(root):
    """A stage that says nothing of its replies is taken to write what sampling allows."""
    from pipelines.recipe.lookup import class_in, known_stages
    from stages.base import MultiCallStage, PromptStage, Stage

    class Plain(PromptStage):
        pass

    assert Plain().most_tokens == 512
    for path in known_stages():
        kind = class_in(f"stages.{path}", Stage)
        if issubclass(kind, MultiCallStage):
            own = kind.__mro__[: kind.__mro__.index(MultiCallStage)]
            says = any("most_tokens" in vars(each) for each in own)
            assert says or "embed" in kind.model_construct().requires, path


@pytest.mark.parametrize(
    ("columns", "texts"),
    [
        ({"instruction": "Do it.", "response": "Done."}, ["instruction", "response"]),
        (
            {"instruction": "a", "chosen": "b", "rejected": "c"},
            ["instruction", "chosen", "rejected"],
        ),
        ({"draft": "He go.", "corrected": "He goes.", "by_model": "m"}, ["corrected", "draft"]),
        ({"instruction": "a", "first": "b", "second": "c"}, ["instruction", "first", "second"]),
        ({"title": "T", "text": "A long text.", "response": "b"}, ["text", "title", "response"]),
    ],
)
def test_the_texts_that_a_person_reads(run_recipe, small_recipe, tmp_path, columns, texts):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(columns) + "\n" for _ in range(3)))
    source = {"use": "source.rows", "path": str(path), "take": dict.fromkeys(columns, "text")}
    keeps = next(iter(columns))
    stages = [source, {"use": "filter.words", "columns": {"text": keeps}, "at_most": 9}]
    run, store = run_recipe(small_recipe(stages=stages))
    found = facts.read_facts(store, run)
    assert found.texts == texts
    assert [row[name] for row in found.sample for name in texts] == [columns[t] for t in texts] * 3
