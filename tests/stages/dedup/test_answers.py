"""Answers that say the same whatever is asked."""

import random

import pytest

from stages.base import Dropped, Kept
from stages.dedup.answers import Answers

WORDS = [f"word{n}" for n in range(400)]
CONSTANT = " ".join(random.Random(1).choices(WORDS, k=120))


def fates(as_table, reader, rows, **settings):
    table = as_table([{"instruction": asked, "response": said} for asked, said in rows])
    return [type(fate) for fate in Answers(**settings).run(reader(table), 0)]


def honest(n, length=80):
    return " ".join(random.Random(f"honest {n}").choices(WORDS, k=length))


def test_a_constant_answer_is_dropped_and_others_stay(as_table, reader):
    rows = [(f"Question {n}?", CONSTANT if n % 2 else honest(n)) for n in range(40)]
    assert fates(as_table, reader, rows) == [Kept, Dropped] * 20


def test_a_constant_with_some_words_changed_too(as_table, reader):
    draw, rows = random.Random(2), []
    for n in range(20):
        words = CONSTANT.split()
        for _ in range(4):
            words[draw.randrange(len(words))] = f"other{n}"
        rows.append((f"Question {n}?", " ".join(words)))
    assert fates(as_table, reader, rows) == [Dropped] * 20


def test_as_often_as_it_may(as_table, reader):
    rows = [(f"Question {n}?", CONSTANT) for n in range(4)]
    assert fates(as_table, reader, rows) == [Kept] * 4
    assert fates(as_table, reader, [*rows, ("One more?", CONSTANT)]) == [Dropped] * 5


def test_answers_to_one_question_may_be_alike(as_table, reader):
    assert fates(as_table, reader, [("Question?", CONSTANT)] * 20) == [Kept] * 20


@pytest.mark.parametrize("said", ["Yes.", "42", "", None, "I do not know that, sorry."])
def test_short_answers_pass(as_table, reader, said):
    assert fates(as_table, reader, [(f"Question {n}?", said) for n in range(20)]) == [Kept] * 20


def test_answers_to_one_question_may_stand_apart(as_table, reader):
    rows = [("Same?", CONSTANT) if n % 2 else (f"Question {n}?", honest(n)) for n in range(12)]
    assert fates(as_table, reader, rows) == [Kept] * 12


def test_the_cells_are_used_evenly(as_table, reader, monkeypatch):
    """With a thousandth of the cells: as many rows as three million would be."""
    from stages.dedup import answers

    monkeypatch.setattr(answers, "_CELLS", 2**17)
    rows = [(f"Question {n}?", honest(n, 200)) for n in range(2900)]
    assert fates(as_table, reader, rows).count(Dropped) == 0
