"""A recipe's own names of columns and of steps."""

from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.export.export import export
from pipelines.plan.explain import explain
from pipelines.plan.plan import plan
from pipelines.recipe.parse import load, parse
from pipelines.recipe.renaming import Renaming
from pipelines.report.facts import judged
from pipelines.store.query.catalog import open_catalog, query
from stages.annotate.template import Template
from stages.base import Derived, Kept
from stages.errors import UserError
from stages.filter.response import Response
from stages.generate.respond import Respond
from stages.judge.quality import Quality
from stages.score.weighted import Weighted

TWO_JUDGES = [
    {"use": "generate.magpie", "rows": 12},
    {"use": "generate.respond", "columns": {"response": "draft"}},
    {"use": "filter.response", "columns": {"response": "draft"}},
    {"use": "judge.quality", "columns": {"response": "draft", "score": "helpful"}},
    {"use": "judge.quality", "as": "second_look", "engine": "other",
     "columns": {"response": "draft", "score": "other_score"}},
    {"use": "dedup.exact", "as": "drafts_once", "columns": {"instruction": "draft"}},
]  # fmt: skip


@pytest.fixture
def two_judges(small_recipe):
    engines = {name: {"kind": "scripted"} for name in ("main", "other")}
    return small_recipe(engines=engines, stages=TWO_JUDGES)


def test_a_recipe_has_two_judges_and_a_dedup_of_what_it_likes(two_judges, run_recipe):
    run, store = run_recipe(two_judges)
    rows = query(store, run, "SELECT * FROM dataset").to_pylist()
    assert rows
    drafts = [row["draft"] for row in rows]
    assert len(set(drafts)) == len(drafts)
    for row in rows:
        assert {"helpful", "other_score", "helpful_mass", "other_score_mass"} <= set(row)
        assert row["response"] is None
    looked = query(store, run, "SELECT helpful, other_score FROM second_look").to_pylist()
    assert len(looked) >= len(rows)
    with closing(open_catalog(store, run)) as catalog:
        assert judged(catalog, run)
    names = query(store, run, "SELECT stage FROM stages").column("stage").to_pylist()
    assert names[-3:] == ["judge_quality", "second_look", "drafts_once"]


def test_a_step_is_set_by_its_name(two_judges, tmp_path):
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(two_judges))
    recipe = load(tmp_path / "r.yaml", ["stages.second_look.min_mass=0.3"])
    assert [e.stage.min_mass for e in recipe.stages if isinstance(e.stage, Quality)] == [0.2, 0.3]


def test_what_a_step_is_called_decides_nothing(two_judges, tmp_path):
    first = plan(parse(two_judges, tmp_path))
    two_judges["stages"] = [*TWO_JUDGES[:4], TWO_JUDGES[4] | {"as": "another"}, TWO_JUDGES[5]]
    assert [s.fingerprint for s in plan(parse(two_judges, tmp_path))] == [
        s.fingerprint for s in first
    ]


def test_a_score_is_no_text(two_judges, tmp_path):
    columns = {"response": "draft", "score": "response"}
    two_judges["stages"] = [*TWO_JUDGES[:3], TWO_JUDGES[3] | {"columns": columns}]
    with pytest.raises(UserError, match="calls a column 'response' that is no text"):
        plan(parse(two_judges, tmp_path))


def test_a_changed_name_is_said(two_judges, run_recipe, tmp_path):
    run, store = run_recipe(two_judges)
    columns = {"response": "draft", "score": "kind"}
    two_judges["stages"] = [*TWO_JUDGES[:3], TWO_JUDGES[3] | {"columns": columns}]
    (*_, reason) = explain(run.recipe, plan(parse(two_judges, tmp_path)), store)
    assert "its column score was called helpful, is kind" in reason


def test_vectors_are_left_out_of_rows_whatever_they_are_called(small_recipe, run_recipe, tmp_path):
    stages = [
        {"use": "generate.magpie", "rows": 4},
        {"use": "annotate.embedding", "columns": {"embedding": "vec"}},
    ]
    run, store = run_recipe(small_recipe(stages=stages))
    export(store, run, "rows", tmp_path / "out")
    (part,) = (tmp_path / "out").rglob("*.parquet")
    assert "vec" not in pq.read_schema(part).names


def test_which_columns_it_works_on_decides(small_recipe, tmp_path):
    def last(columns):
        stages = [
            {"use": "generate.magpie", "rows": 12},
            {"use": "generate.respond"},
            {"use": "dedup.exact", **columns},
        ]
        return plan(parse(small_recipe(stages=stages), tmp_path))[-1].fingerprint

    assert last({}) != last({"columns": {"instruction": "response"}})
    assert last({}) == last({"columns": {}}) == last({"columns": {"instruction": "instruction"}})


def test_what_a_name_begins_follows_it():
    renaming = Renaming(Response(), {"response": "draft"})
    assert renaming.needs == ("draft", "draft_finish_reason")
    assert renaming.removes == ("draft_finish_reason",)
    named = Renaming(Response(), {"response": "draft", "response_finish_reason": "why"})
    assert named.needs == ("draft", "why")


def test_the_stage_sees_its_own_names_alone():
    renaming = Renaming(Quality(), {"response": "draft"})
    table = pa.table({"id": ["a"], "parents": [["p"]], "instruction": ["i"], "response": ["no"],
                      "draft": ["yes"]})  # fmt: skip
    assert renaming.read(table).to_pylist() == [
        {"id": "a", "parents": ["p"], "instruction": "i", "response": "yes"}
    ]


def test_fates_of_every_kind_get_the_recipes_names():
    renaming = Renaming(Respond(samples=2), {"response": "draft"})
    assert renaming.fate(Kept({"response": "x"})) == Kept({"draft": "x"})
    fate = Derived(({"response": "x", "sample": 0, "parents": ["p"]},), {"response": "y"})
    assert renaming.fate(fate) == Derived(
        ({"draft": "x", "sample": 0, "parents": ["p"]},), {"draft": "y"}
    )


@pytest.mark.parametrize(
    ("entry", "cause", "remedy"),
    [
        ({"columns": {"respone": "draft"}}, "has no column 'respone'", "'response'"),
        ({"columns": {"response": "a b"}}, "`columns` is", "letters, digits"),
        ({"columns": ["response"]}, "`columns` is", "letters, digits"),
        ({"columns": {"response": "id"}}, "would overwrite the column 'id'", "another name"),
        (
            {"columns": {"response": "x", "response_finish_reason": "x"}},
            "two columns of one name",
            "`columns`",
        ),
        ({"columns": {"response": "instruction"}}, "overwrite the column 'instruction'", "another"),
        ({"columns": {"response": "Instruction"}}, "overwrite the column 'Instruction'", "another"),
        ({"columns": {"response": "messages"}}, "can be called 'messages'", "another name"),
        ({"columns": {"instruction": "id"}}, "can be called 'id'", "another name"),
        ({"columns": {"response": "_x"}}, "`columns` is", "letters, digits"),
        ({"as": "_none"}, "`as` is '_none'", "letters, digits"),
        ({"as": "a-b"}, "`as` is 'a-b'", "letters, digits"),
        ({"as": ""}, "`as` is ''", "letters, digits"),
        ({"as": "dataset"}, "'dataset' is that of another view", "`as`"),
        ({"as": "Generate_Magpie"}, "is that of another stage", "`as`"),
        ({"into": "draft"}, "`into` is gone", "columns: {response: draft}"),
        ({"question": "draft"}, "`question` is gone", "columns: {instruction: draft}"),
    ],
)
def test_what_is_no_name_is_refused(small_recipe, tmp_path, entry, cause, remedy):
    stages = [{"use": "generate.magpie", "rows": 2}, {"use": "generate.respond", **entry}]
    with pytest.raises(UserError) as refused:
        plan(parse(small_recipe(stages=stages), tmp_path))
    assert cause in str(refused.value)
    assert remedy in refused.value.remedy


def test_a_column_of_a_setting_is_not_renamed_with_what_its_name_begins_with():
    """`columns: {score: reward}` must not make another column of the recipe's own `score_a`."""
    weighted = Weighted(weights={"score_a": 1})
    renaming = Renaming(weighted, {"score": "reward"})
    assert renaming.needs == ("score_a",)
    assert list(renaming.adds) == ["reward"]
    assert Renaming(Template(template="{{ text_n }}"), {"text": "card"}).needs == ("text_n",)
    assert Renaming(Response(), {"response": "draft"}).needs == ("draft", "draft_finish_reason")
