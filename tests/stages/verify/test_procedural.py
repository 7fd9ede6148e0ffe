"""Tasks of Reasoning Gym: the same ones again, scored by their own scorers."""

import pytest

from stages.base import Failed
from stages.source.procedural import Procedural
from stages.verify import procedural


def test_tasks_and_their_scores():
    source = Procedural(tasks={"chain_sum": 3, "countdown": 2}, seed=4)
    rows = list(source.initial_rows())
    assert len(rows) == source.count_initial_rows() == 5
    assert rows == list(source.initial_rows()), "the same tasks again"
    assert rows != list(Procedural(tasks={"chain_sum": 3, "countdown": 2}, seed=5).initial_rows())
    check = procedural.Procedural()
    for row in rows:
        right = check.decide({**row, "answer": row["expected"]})
        assert right.columns == {"task_score": 1.0, "correct": True}
        wrong = check.decide({**row, "answer": "no idea"})
        assert wrong.columns["correct"] is not True
    assert check.decide({**rows[0], "answer": None}).columns == {
        "task_score": 0.0,
        "correct": False,
    }


def test_a_task_that_there_is_not():
    with pytest.raises(ValueError, match="no task 'chain_sums'; nearest: chain_sum"):
        Procedural(tasks={"chain_sums": 3})


def test_what_depends_on_the_order_of_sets_is_scored_as_it_was_made():
    check = procedural.Procedural()
    for row in Procedural(tasks={"polynomial_multiplication": 4}).initial_rows():
        fate = check.decide({**row, "answer": row["expected"]})
        assert fate.columns["task_score"] == 1.0


def test_an_answer_that_is_code_runs_within_walls(tmp_path):
    """Some scorers evaluate the answer: it must not reach files or variables of ours."""
    (row,) = Procedural(tasks={"spiral_matrix": 1}).initial_rows()
    left = tmp_path / "left"
    code = f"[__import__('os').system('env > {left}')]"
    procedural.Procedural().decide({**row, "answer": code})
    assert not left.exists()


def test_what_a_scorer_alone_knows():
    (row,) = Procedural(tasks={"rush_hour": 1}).initial_rows()
    assert row["expected"] is None
    with pytest.raises(ValueError, match="no task 'composite'"):
        Procedural(tasks={"composite": 1})


def test_rows_that_are_no_such_tasks():
    check, nothing = procedural.Procedural(), {"task_score": None, "correct": None}
    assert check.decide({"answer": "1", "task_key": None}).columns == nothing
    assert check.decide({"answer": "1", "task_key": "?"}) == Failed("verify.task_key", "?")


def test_the_order_of_tasks_decides():
    first = Procedural(tasks={"chain_sum": 1, "countdown": 1})
    assert first.identity() != Procedural(tasks={"countdown": 1, "chain_sum": 1}).identity()
