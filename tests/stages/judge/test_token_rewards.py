"""Rewards of tokens by two system messages."""

import pytest

from stages.ask import Reply
from stages.base import Dropped, Failed
from stages.errors import ReplyError
from stages.judge.token_rewards import TokenRewards

ROW = {"instruction": "Name a river.", "response": "The Nile."}


def rewards(good, bad):
    return TokenRewards().next(ROW, (Reply(given=good), Reply(given=bad)))


def test_both_read_the_same_answer():
    good, bad = TokenRewards(good="Be good.", bad="Be bad.").next(ROW, ())
    assert good.prompt.text == bad.prompt.text == "The Nile."
    assert [m.content for m in good.prompt.messages] == ["Be good.", "Name a river."]
    assert [m.content for m in bad.prompt.messages] == ["Be bad.", "Name a river."]


def test_the_difference_of_each_token():
    assert rewards((-1.0, -2.0), (-1.5, -0.5)).columns["token_rewards"] == [0.5, -1.5]


def test_equal_messages_give_nothing():
    assert rewards((-1.0, -2.0), (-1.0, -2.0)).columns["token_rewards"] == [0.0, 0.0]


def test_what_cannot_be_compared():
    assert isinstance(rewards((-1.0,), (-1.0, -2.0)), Failed)
    assert isinstance(TokenRewards().next({**ROW, "response": ""}, ()), Dropped)
    with pytest.raises(ReplyError) as refused:
        rewards((-1.0,), (float("-inf"),))
    assert refused.value.call == 1
