"""Tasks of Reasoning Gym: the same ones again, scored by their own scorers."""

import pytest

from stages.errors import UserError
from stages.shared.checks.child import Child
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
    with pytest.raises(UserError, match="no task 'chain_sums'") as error:
        Procedural(tasks={"chain_sums": 3})
    assert "chain_sum" in error.value.remedy


def test_a_child_that_cannot_start():
    with pytest.raises(RuntimeError, match="did not start"):
        Child("stages.shared.unicode").ask("?", 1.0)
