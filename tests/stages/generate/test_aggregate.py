"""Who is asked in which layer, and what they see."""

import pytest

from stages.ask import Reply, Sample
from stages.base import Kept
from stages.errors import ReplyError
from stages.generate.aggregate import Aggregate

ROW = {"id": "row0", "parents": [], "instruction": "Name a river."}


def said(*texts):
    return tuple(Reply((Sample(text),)) for text in texts)


def systems(asks):
    return [m.content for ask in asks for m in ask.prompt.messages if m.role == "system"]


def test_layers_of_several_engines():
    stage = Aggregate(engine=("last", "a", "b"), layers=2)
    first = stage.next(ROW, ())
    assert [ask.engine for ask in first] == ["a", "b"]
    assert systems(first) == []
    second = stage.next(ROW, said("The Nile.", "The Po."))
    assert [ask.engine for ask in second] == ["a", "b"]
    assert all("1. The Nile." in s and "2. The Po." in s for s in systems(second))
    (third,) = stage.next(ROW, said("The Nile.", "The Po.", "The Ob.", "The Rhine."))
    assert third.engine == "last"
    assert "The Ob." in systems([third])[0]
    assert "The Nile." not in systems([third])[0]
    fate = stage.next(ROW, said("1", "2", "The Ob.", "The Rhine.", " All of them. "))
    assert fate == Kept(
        {
            "response": "All of them.",
            "response_finish_reason": "stop",
            "proposals": ["The Ob.", "The Rhine."],
        }
    )
    assert stage.most_calls == 5


def test_one_engine_plays_all():
    stage = Aggregate(proposers=3)
    assert [ask.engine for ask in stage.next(ROW, ())] == ["main"] * 3
    assert stage.most_calls == 4


def test_an_empty_proposal_is_asked_for_again():
    with pytest.raises(ReplyError, match="empty") as error:
        Aggregate(proposers=2).next(ROW, said("The Nile.", " "))
    assert error.value.call == 1


def test_nothing_to_answer():
    assert Aggregate().next(ROW | {"instruction": None}, ()) == Kept()
