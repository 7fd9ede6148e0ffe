"""Measures of rows by numbers: closed forms and brute force."""

import itertools
import math

import pytest

from stages.ask import Reply
from stages.base import Dropped
from stages.errors import ReplyError
from stages.score.crowd import Crowd
from stages.score.likelihood import Likelihood
from stages.score.one_shot_gain import OneShotGain
from stages.score.order_agreement import OrderAgreement


def agreement(first, second, **settings):
    return (
        OrderAgreement(**settings).decide({"first": first, "second": second}).columns["agreement"]
    )


def longest(a, b):
    """By all subsequences."""
    return max(
        len(part)
        for n in range(len(a) + 1)
        for part in itertools.combinations(a, n)
        if part in set(itertools.combinations(b, n))
    )


def test_orders_against_brute_force():
    for n in (2, 3, 4, 5):
        ranks = list(range(n))
        for other in itertools.permutations(range(n)):
            order = sorted(range(n), key=lambda i: -other[i])
            assert agreement(ranks, list(other)) == pytest.approx(longest(ranks, order) / n)


def test_equal_and_opposite_orders():
    assert agreement([1, 2, 3, 4], [-1, -2, -3, -4]) == 1
    assert agreement([1, 2, 3, 4], [-4, -3, -2, -1]) == 0.25
    assert agreement([1, 2, 3, 4], [4, 3, 2, 1], second_is="lowest") == 0.25
    assert agreement([2, 2, 2], [-1, -2, -3]) == pytest.approx(1 / 3), "a tie agrees with nothing"
    assert agreement([1, 2, 2], [-1, -3, -2]) == pytest.approx(2 / 3)
    assert agreement([2, 2], [5, 5]) == 0.5
    assert agreement(None, [1]) is None
    assert OrderAgreement().decide({"first": [1], "second": [1, 2]}).reason == "score.unequal"
    for place in range(3):
        first = [1.0, 2.0, 3.0]
        first[place] = math.nan
        row = {"first": first, "second": [1, 2, 3]}
        assert OrderAgreement().decide(row).reason == "score.unequal", "wherever it stands"


def test_what_a_crowd_says():
    stage = Crowd(sizes={"a": (7, 70), "b": (2, 9, 27)})
    columns = stage.decide({"rewards": [0.2, 0.9, 0.6, 0.5, 0.4]}).columns
    assert columns["difficulty"] == pytest.approx(-0.52)
    mean = 0.52
    spread = sum((r - mean) ** 2 for r in (0.2, 0.9, 0.6, 0.5, 0.4)) / 5
    assert columns["separability"] == pytest.approx(spread)
    assert columns["stability"] == pytest.approx((1 - 1) / 2)
    equal = stage.decide({"rewards": [0.5] * 5}).columns
    assert (equal["separability"], equal["stability"]) == (0, None)
    assert stage.decide({"rewards": [0.5]}).reason == "score.unequal"
    assert stage.decide({"rewards": [None] * 5}).columns["difficulty"] is None
    with_nan = stage.decide({"rewards": [0.2, 0.9, math.nan, 0.5, math.inf]}).columns
    assert with_nan == stage.decide({"rewards": [0.2, 0.9, None, 0.5, None]}).columns


ROW = {"id": "r", "parents": [], "instruction": "2 + 2?", "response": "4",
       "anchors": ["1 + 1?", "3 + 3?"], "anchor_answers": ["2", "6"]}  # fmt: skip


def scored(*values):
    return [Reply(given=(value,)) for value in values]


def test_an_example_is_good_where_it_makes_answers_likelier():
    asks = OneShotGain().next(ROW, ())
    assert [len(ask.prompt.messages) for ask in asks] == [1, 3, 1, 3]
    assert [ask.prompt.text for ask in asks] == ["2", "2", "6", "6"]
    assert [m.content for m in asks[1].prompt.messages] == ["2 + 2?", "4", "1 + 1?"]
    for values, share in (
        ((-2, -1, -2, -3), 0.5),
        ((-2, -1, -2, -1), 1.0),
        ((-1, -1, -1, -2), 0.0),
    ):
        assert OneShotGain().next(ROW, scored(*values)).columns["golden_score"] == share
    with pytest.raises(ReplyError) as no:
        OneShotGain().next(ROW, scored(-1, -math.inf, -1, -1))
    assert no.value.call == 1
    assert isinstance(OneShotGain().next(ROW | {"anchors": []}, ()), Dropped)


def test_an_answer_alone():
    asked = Likelihood(alone=True).ask(ROW).prompt
    assert [message.content for message in asked.messages] == [""]
    assert asked.text == "4"
