"""The sum of log-sigmoids is the logarithm of "good by each", and order is kept."""

import itertools
import math

import pytest

from stages.judge.log_sigmoid import LogSigmoid


def utility(reward, reference=0.0):
    return LogSigmoid().decide({"reward": reward, "reference": reference}).columns["utility"]


def test_the_sum_is_the_logarithm_of_the_product():
    good = [1 / (1 + math.exp(-x)) for x in (0.4, -1.3)]
    assert utility(0.4) + utility(-1.3) == pytest.approx(math.log(good[0] * good[1]))


def test_it_keeps_the_order_and_flattens_what_is_good():
    rewards = [-9.0, -1.0, 0.0, 1.0, 9.0]
    found = [utility(reward) for reward in rewards]
    assert found == sorted(found)
    gains = [b - a for a, b in itertools.pairwise(found)]
    assert gains[0] > gains[1] > gains[2] > gains[3] > 0


def test_one_high_reward_does_not_make_up_for_a_low_one():
    assert utility(8.0) + utility(-4.0) < utility(0.0) + utility(0.0)
