"""Attempts until the model says that another would not help, and of them the best."""

import math
import random

import pytest

from stages.ask import Reply, Sample
from stages.base import Kept
from stages.errors import ReplyError
from stages.generate.adaptive import Adaptive

ROW = {"instruction": "Name a river."}


def says(share):
    tokens = {"Yes": math.log(share), " no": math.log(1 - share)}
    return Reply((Sample("", logprobs=(tokens,)),), model="m")


def run(stage, shares):
    """The columns; attempt n says "answer n" and is judged by the n-th share."""
    replies = []
    while not isinstance(ask := stage.next(ROW, tuple(replies)), Kept):
        made = len(replies) // 2
        if ask.logprobs:
            assert f"answer {made}" in ask.prompt.messages[0].content
            replies.append(says(shares[made]))
        else:
            replies.append(Reply((Sample(f" answer {made} "),), model="m"))
    return ask.columns, len(replies)


def test_it_stops_as_soon_as_an_answer_is_enough():
    columns, calls = run(Adaptive(), [0.2])
    assert (columns["response"], columns["response_attempts"], calls) == ("answer 0", 1, 2)
    assert columns["response_restart"] == pytest.approx(0.2)
    columns, calls = run(Adaptive(), [0.9, 0.7, 0.4])
    assert (columns["response"], columns["response_attempts"], calls) == ("answer 2", 3, 6)


def test_of_most_attempts_the_best_is_kept():
    columns, calls = run(Adaptive(), [0.9, 0.6, 0.8, 0.7])
    assert (columns["response"], columns["response_attempts"], calls) == ("answer 1", 4, 8)
    assert calls == Adaptive().most_calls
    assert run(Adaptive(most=2), [0.9, 0.95])[0]["response"] == "answer 0"


def test_it_takes_fewer_attempts_than_best_of_16_and_finds_an_answer_that_is_enough():
    """With a judge of itself that is right; the best of 16 is better yet, for all 16."""
    draw = random.Random(2)
    shares = [[draw.uniform(0.01, 0.99) for _ in range(16)] for _ in range(100)]
    found = [run(Adaptive(most=16, enough=0.4), each)[0] for each in shares]
    assert all(min(each) <= columns["response_restart"] + 1e-9 < 0.4
               for columns, each in zip(found, shares, strict=True))  # fmt: skip
    # Attempts until the first below 0.4 of even draws: 2.5 on average.
    assert 2 < sum(columns["response_attempts"] for columns in found) / 100 < 3


def test_a_verdict_on_other_words_is_unreadable():
    answer = Reply((Sample("answer 0"),), model="m")
    other = Reply((Sample("", logprobs=({"perhaps": -0.1, "yes": -9.0},)),), model="m")
    with pytest.raises(ReplyError) as refused:
        Adaptive().next(ROW, (answer, other))
    assert refused.value.call == 1


def test_a_row_without_an_instruction_is_not_asked():
    assert Adaptive().next({"instruction": None}, ()) == Kept()
