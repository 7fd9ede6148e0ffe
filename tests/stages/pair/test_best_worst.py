import json

from stages.base import Derived, Dropped
from stages.pair.best_worst import BestWorst, best_worst


def test_published_pairs(root):
    scores = json.loads((root / "tests/data/magpie_scores.json").read_text())
    assert [best_worst(s) for s in scores] == [(3, 1), (2, 3), (4, 2), (0, 3), (2, 0)]


def run(as_table, reader, answers, **settings):
    table = as_table(
        [{"parents": [q], "response": r, "score": s, "sample": 0} for q, r, s in answers]
    )
    return list(BestWorst(**settings).run(reader(table), seed=0))


def test_best_against_worst_of_each_question(as_table, reader):
    answers = [("q", "a", 2.0), ("q", "b", 4.0), ("p", "c", 1.0), ("q", "d", 3.0), ("p", "e", 1.5)]
    worst, best, other_worst, middle, other_best = run(as_table, reader, answers)
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


def test_ties_and_single_answers_make_no_pair(as_table, reader):
    answers = [("q", "a", 2.0), ("q", "b", 2.01), ("p", "c", 1.0)]
    reasons = [fate.reason for fate in run(as_table, reader, answers, min_margin=0.05)]
    assert reasons == ["pair.tie", "pair.tie", "pair.single"]


def test_an_answer_without_a_score_is_left_out(as_table, reader):
    answers = [("q", "a", None), ("q", "b", 4.0), ("q", "c", 2.0)]
    fates = run(as_table, reader, answers)
    assert fates[0] == Dropped("pair.not_scored")
    assert fates[1].rows[0]["rejected"] == "c"
