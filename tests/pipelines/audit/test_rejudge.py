"""Another judge over stored answers: only it is asked, and what changes is what differs."""

import pytest

from pipelines.audit.ask_again import Judge
from pipelines.audit.audit import audit
from pipelines.audit.rejudge import rejudge
from pipelines.audit.verdicts.judges import judges
from pipelines.store.query.catalog import query
from stages.errors import UserError


def again(graded, **changes):
    run, store = graded
    (step,) = judges(run)
    run_id, figures = rejudge(Judge(store, run, step, run.source["engines"]), changes)
    return store.audits.find(run_id), {figure.name: figure for figure in figures}


def test_the_same_judge_says_the_same(graded):
    _, figures = again(graded)
    assert figures["change of score"].value == 0
    assert figures["rank correlation"].value == pytest.approx(1)
    assert figures["selection kept"].value == 1
    assert figures["Krippendorff's alpha"].value == pytest.approx(1)


def test_another_rubric_is_compared_by_what_it_says(graded):
    run, store = graded
    new, figures = again(graded, rubric="Is it short?")
    old = rows(store, run, "truth")
    now = rows(store.audits, new, "score")
    assert figures["change of score"].rows == len(old) == len(now) == 24
    told = query(store.audits, new, "SELECT of, score FROM dataset").to_pylist()
    shift = sum(row["score"] - old[row["of"]] for row in told) / 24
    assert figures["change of score"].value == pytest.approx(shift)
    assert figures["change of score"].low < shift < figures["change of score"].high
    assert abs(figures["rank correlation"].value) < 1


def rows(store, run, column):
    found = query(store, run, f"SELECT id, {column} AS said FROM dataset").to_pylist()
    return {row["id"]: row["said"] for row in found}


def test_nothing_is_asked_twice(graded):
    first, _ = again(graded, rubric="Is it short?")
    second, _ = again(graded, rubric="Is it short?")
    assert not any(step.reused for step in first.steps)
    assert all(step.reused for step in second.steps)


def test_the_dataset_stays_the_latest_run(graded):
    run, store = graded
    again(graded, engine="other")
    assert store.find(None).id == run.id
    assert len(store.all_runs()) == 1


@pytest.mark.parametrize(
    ("changes", "cause"),
    [({"rubrik": "x"}, "rubrik"), ({"engine": "third"}, "no engine 'third'"),
     ({"scale": [1, 99]}, "scale")],
)  # fmt: skip
def test_what_cannot_be_asked(graded, changes, cause):
    with pytest.raises(UserError, match=cause):
        again(graded, **changes)


def test_figures_of_grades(graded):
    run, store = graded
    figures = {figure.name: figure for figure in audit(store, run, "right")}
    said = query(store, run, 'SELECT truth, "right" FROM dataset').to_pylist()
    mean = sum(row["truth"] for row in said) / 24
    assert figures["mean score"].value == pytest.approx(mean)
    assert figures["gold rank correlation"].rows == 24
    assert -1 <= figures["score with length"].value <= 1
    assert figures["without a verdict"].value == 0
