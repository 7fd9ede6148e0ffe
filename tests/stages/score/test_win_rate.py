"""Probabilities of winning: those of two add up to one, and the order is that of the scores."""

import pytest

from stages.score.win_rate import WinRate


def rates(*scores, **settings):
    fates = WinRate(**settings).decide([{"score": score} for score in scores])
    return [fate.columns["win_rate"] for fate in fates]


def test_what_sppo_writes_down():
    # Of two: (1/2 + sigmoid of the difference) / 2.
    first, second = rates(1.0, -1.0)
    assert first == pytest.approx((0.5 + 0.8807970779778823) / 2)
    assert first + second == pytest.approx(1)
    assert rates(3.0) == [0.5]
    assert rates(2.0, 2.0, 2.0) == [0.5] * 3


def test_the_mean_over_a_group_is_a_half_and_scale_is_a_factor():
    scores = (0.3, 2.5, -1.0, 4.0)
    found = rates(*scores)
    assert sum(found) / 4 == pytest.approx(0.5)
    assert sorted(range(4), key=found.__getitem__) == sorted(range(4), key=scores.__getitem__)
    assert rates(*scores, scale=10) == pytest.approx(rates(*(10 * score for score in scores)))
    assert rates(1000.0, -1000.0) == pytest.approx([0.75, 0.25])


def test_answers_without_a_score_do_not_count():
    assert rates(1.0, None, float("nan"), -1.0)[1:3] == [None, None]
    assert rates(1.0, None, float("nan"), -1.0)[::3] == rates(1.0, -1.0)
    assert rates(1e300, 1.0, scale=1e10) == [None, 0.5]
