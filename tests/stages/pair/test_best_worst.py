import json

import pytest

from pipelines.execution.shards.shard_task import decide
from pipelines.store.query.catalog import query
from stages.base import Derived, Dropped, Failed
from stages.pair.best_worst import BestWorst, best_worst


def test_published_pairs(root):
    scores = json.loads((root / "tests/data/magpie_scores.json").read_text())
    assert [best_worst(s) for s in scores] == [(3, 1), (2, 3), (4, 2), (0, 3), (2, 0)]


def run(as_table, answers, **settings):
    table = as_table(
        [{"parents": [q], "response": r, "score": s, "sample": 0} for q, r, s in answers]
    )
    return decide(BestWorst(**settings), "fingerprint", table)


def test_best_against_worst_of_each_question(as_table):
    answers = [("q", "a", 2.0), ("q", "b", 4.0), ("p", "c", 1.0), ("q", "d", 3.0), ("p", "e", 1.5)]
    worst, best, other_worst, middle, other_best = run(as_table, answers)
    assert (worst, other_worst) == (Derived(), Derived())
    assert middle == Dropped("pair.between")
    (pair,) = best.rows
    assert pair == {
        "parents": ["row1", "row0"],
        "chosen": "b",
        "rejected": "a",
        "chosen_score": 4.0,
        "rejected_score": 2.0,
        "margin": 2.0,
    }
    assert other_best.rows[0]["chosen"] == "e"


def test_ties_and_single_answers_make_no_pair(as_table):
    answers = [("q", "a", 2.0), ("q", "b", 2.01), ("p", "c", 1.0)]
    reasons = [fate.reason for fate in run(as_table, answers, min_margin=0.05)]
    assert reasons == ["pair.tie", "pair.tie", "pair.single"]


def test_an_answer_without_a_score_is_left_out(as_table):
    answers = [("q", "a", None), ("q", "b", 4.0), ("q", "c", 2.0)]
    fates = run(as_table, answers)
    assert fates[0] == Dropped("pair.not_scored")
    assert fates[1].rows[0]["rejected"] == "c"


def test_the_worst_says_something_else(as_table):
    answers = [("q", "a", 4.0), ("q", "b", 3.5), ("q", "a ", 3.0), ("q", None, 1.0)]
    best, worst, same, empty = run(as_table, answers)
    assert best.rows[0]["rejected"] == "b"
    assert worst == Derived()
    assert same == Dropped("pair.between")
    assert empty == Dropped("pair.not_scored")
    reasons = {fate.reason for fate in run(as_table, [("q", "a", 4.0), ("q", "a", 3.0)])}
    assert reasons == {"pair.same"}


def test_a_tie_is_no_pair_without_a_margin(as_table):
    reasons = {
        fate.reason for fate in run(as_table, [("q", "a", 1.0), ("q", "b", 1.0)], min_margin=0)
    }
    assert reasons == {"pair.tie"}


def test_rounding_costs_no_margin(as_table):
    best, _ = run(as_table, [("q", "a", 0.95), ("q", "b", 0.9)], min_margin=0.05)
    assert best.rows[0]["chosen"] == "a"


def test_what_breaks_it_costs_its_group(as_table):
    class Breaks(BestWorst):
        def decide(self, rows):
            if rows[0]["response"] == "c":
                raise ValueError("a bug")
            return super().decide(rows)

    table = as_table(
        [{"parents": [q], "response": r, "score": 2.0, "sample": 0} for q, r in ("qa", "pc", "qb")]
    )
    first, broken, last = decide(Breaks(), "fingerprint", table)
    assert isinstance(broken, Failed)
    assert first == last == Dropped("pair.tie", "margin 0.000")


@pytest.mark.parametrize("shard_rows", [2, 100])
def test_groups_do_not_wait_for_other_shards(run_recipe, small_recipe, shard_rows):
    stages = [
        {"use": "generate.magpie", "rows": 8},
        {"use": "generate.respond", "samples": 3},
        {"use": "judge.quality"},
        {"use": "pair.best_worst", "min_margin": 0},
    ]
    source = small_recipe(stages=stages, placement={"shard_rows": shard_rows})
    run, store = run_recipe(source)
    rows = query(store, run, "SELECT parents, chosen, rejected FROM dataset").to_pylist()
    assert rows
    answers = {
        row["id"]: row
        for row in query(store, run, "SELECT id, parents, response FROM judge_quality").to_pylist()
    }
    for row in rows:
        chosen, rejected = (answers[parent] for parent in row["parents"])
        assert chosen["parents"] == rejected["parents"]
        assert (row["chosen"], row["rejected"]) == (chosen["response"], rejected["response"])
