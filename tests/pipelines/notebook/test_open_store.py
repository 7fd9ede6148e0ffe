"""`open_store()`: what a notebook gets, and what it is told where there is nothing."""

import datasets
import pandas
import polars
import pytest

from pipelines import open_store
from pipelines.store.store import Store
from stages.annotate.embedding import Embedding
from stages.dedup.exact import Exact
from stages.engines.scripted import Scripted
from stages.errors import UserError
from stages.filter.response import Response
from stages.judge.quality import Quality


@pytest.fixture
def opened(small_recipe, run_recipe):
    _, store = run_recipe(small_recipe())
    return open_store(store.root.uri())


def test_rows_in_every_form(opened):
    result = opened.sql("SELECT id, instruction, score FROM dataset ORDER BY id")
    assert len(result) == 6
    assert isinstance(result.to_pandas(), pandas.DataFrame)
    assert isinstance(result.to_polars(), polars.DataFrame)
    assert polars.DataFrame(result).equals(result.to_polars())
    ids = result.to_arrow()["id"].to_pylist()
    assert ids == list(result.to_pandas()["id"]) == [row["id"] for row in result]


def test_the_dataset_is_the_views(opened):
    dataset = opened.dataset()
    assert isinstance(dataset, datasets.Dataset)
    assert dataset.num_rows == 6
    assert dataset[0]["messages"][0]["role"] == "user"


def test_runs_stages_and_another_run(opened, small_recipe, run_recipe):
    run_recipe(small_recipe(seed=4), opened.store)
    runs = [run["run"] for run in opened.runs()]
    assert len(runs) == 2
    assert open_store(opened.store.root.uri()).record.id == runs[1]
    assert opened.record.id == opened.run(runs[0]).record.id == runs[0]
    assert opened.run().record.id == runs[1]
    assert [s["stage"] for s in opened.stages()] == [s.name for s in opened.record.steps]


def test_charts_are_the_reports(opened):
    import plotly.graph_objects as go

    from pipelines.report.facts import read_facts
    from pipelines.report.figures import funnel, scores

    facts = read_facts(opened.store, opened.record)
    assert opened.funnel().data == go.Figure(funnel(facts.stages, facts.reasons)).data
    assert opened.scores().data == go.Figure(scores(facts.judged)).data
    assert sum(len(trace.x) for trace in opened.map().data) == len(facts.mapped)


def test_what_a_run_lacks_is_said(small_recipe, run_recipe):
    _, store = run_recipe(small_recipe(stages=small_recipe()["stages"][:2]))
    opened = open_store(store.root.uri())
    for chart, lacking in ((opened.map, "no embeddings"), (opened.scores, "no scores")):
        with pytest.raises(UserError, match=lacking):
            chart()


def test_why(opened):
    row_id = next(iter(opened.sql("SELECT id FROM rejected LIMIT 1")))["id"]
    history = opened.why(row_id)
    assert history.events[0].fate == "made"
    assert history.events[-1].fate == "dropped"
    assert row_id in repr(history)
    with pytest.raises(UserError, match="has no row 'nothing'"):
        opened.why("nothing")


def test_row_text_is_escaped(opened):
    shown = opened.sql("SELECT '<img src=x onerror=alert(1)>' AS \"<b>\"")._repr_html_()
    assert "<img" not in shown
    assert "<b>" not in shown
    assert "&lt;img" in shown
    assert "1 row<" in shown


def test_long_results_say_how_much_is_shown(opened):
    result = opened.sql("SELECT range AS n FROM range(50)")
    assert "50 rows, the first 20 shown" in result._repr_html_()
    assert repr(result).startswith("50 rows: n\n0\n1\n")


def test_the_store_is_found_as_git_finds_its_repository(opened, monkeypatch, tmp_path):
    inside = opened.store.root.path.parent / "notebooks" / "deep"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert open_store().store.root == opened.store.root
    monkeypatch.setenv("BOWERBIRD_STORE", str(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match=r"no runs in .*elsewhere"):
        open_store()


def test_try_a_stage(opened):
    asked = opened.try_stage(Quality(), "SELECT * FROM dataset LIMIT 3")
    assert [row["fate"] for row in asked] == ["kept"] * 3
    assert all(1 <= row["score"] <= 5 for row in asked)
    ruled = opened.try_stage(Response(), "SELECT * FROM generate_respond LIMIT 2")
    assert len(ruled) == 2
    own = opened.try_stage(
        Embedding(engine="none"), "SELECT * FROM dataset LIMIT 1", Scripted(script="babble")
    )
    assert len(next(iter(own))["embedding"]) == 64


def test_what_cannot_be_tried_is_said(opened):
    with pytest.raises(UserError, match="needs a column 'response'"):
        opened.try_stage(Quality(), "SELECT id, instruction FROM dataset")
    with pytest.raises(UserError, match="no engine 'none'"):
        opened.try_stage(Quality(engine="none"), "SELECT * FROM dataset")
    with pytest.raises(UserError, match="works on all rows"):
        opened.try_stage(Exact(), "SELECT * FROM dataset")


def test_an_error_in_a_notebook_is_a_cause_and_a_remedy():
    error = UserError("there is nothing here", "Look there.")
    assert error._render_traceback_() == ["error  there is nothing here", "remedy Look there."]


def test_nothing_is_written(opened):
    def files():
        return {p: p.stat().st_mtime_ns for p in opened.store.root.path.rglob("*")}

    before = files()
    opened.sql("SELECT * FROM dataset")
    opened.funnel()
    opened.dataset()
    opened.try_stage(Quality(), "SELECT * FROM dataset LIMIT 1")
    assert files() == before
    assert Store.at(opened.store.root.uri()).all_runs()
