"""What became of a group, in one row."""

from stages.base import Dropped, Kept
from stages.mix.gather import Gather


def test_texts_of_a_group():
    rows = [{"text": "a"}, {"text": None}, {"text": "b"}]
    gathered = Dropped("mix.gathered")
    assert Gather().decide(rows) == [Kept({"texts": ["a", "b"]}), gathered, gathered]
    assert Gather().decide([{"text": None}]) == [Kept({"texts": []})]
