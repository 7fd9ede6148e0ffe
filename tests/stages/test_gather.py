"""What became of a group, in one row."""

import pytest
from pydantic import ValidationError

from stages.base import Derived, Dropped, Kept
from stages.mix.gather import Gather
from stages.mix.scatter import Scatter


def test_texts_of_a_group():
    rows = [{"text": "a"}, {"text": None}, {"text": "b"}]
    gathered = Dropped("mix.gathered")
    assert Gather().decide(rows) == [Kept({"texts": ["a", "b"]}), gathered, gathered]
    assert Gather().decide([{"text": None}]) == [Kept({"texts": []})]


SCATTER = {"texts": {"texts": "text"}, "numbers": {"ranks": "rank"}}


def test_lists_become_rows():
    fate = Scatter(**SCATTER).decide({"texts": ["a", None], "ranks": [2.0, 1.0]})
    assert fate == Derived(({"text": "a", "rank": 2.0}, {"text": None, "rank": 1.0}))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"texts": ["a"], "ranks": [1.0, 2.0]}, "mix.unequal"),
        ({"texts": [], "ranks": []}, "mix.nothing"),
        ({"texts": None, "ranks": None}, "mix.nothing"),
        ({"texts": ["a"] * 21, "ranks": [1.0] * 21}, "mix.too_many"),
    ],
)
def test_lists_that_are_no_rows(row, reason):
    assert Scatter(**SCATTER).decide(row).reason == reason


def test_lists_that_become_one_column():
    with pytest.raises(ValidationError, match="the same column"):
        Scatter(texts={"a": "c", "b": "c"})
