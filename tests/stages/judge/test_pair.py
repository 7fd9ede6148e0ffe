"""A panel in both orders: known verdicts give the preference that arithmetic gives."""

import math

import pytest

from stages.ask import Reply, Sample
from stages.errors import ReplyError
from stages.judge.pair import Pair

ROW = {
    "id": "row0", "parents": [],
    "instruction": "Name a river.", "chosen": "The Nile.", "rejected": "No.",
}  # fmt: skip


def says(one, two=None):
    """A verdict with so much probability on 1, the rest on 2."""
    position = {"1": math.log(one), " 2": math.log(1 - one if two is None else two)}
    return Reply((Sample("1", logprobs=(position,)),))


def test_each_judge_is_asked_in_both_orders():
    asks = Pair(engine=("a", "b")).next(ROW, ())
    assert [ask.engine for ask in asks] == ["a", "a", "b", "b"]
    texts = [ask.prompt.messages[-1].content for ask in asks]
    assert [text.index("The Nile.") < text.index("No.") for text in texts] == [True, False] * 2
    assert all(ask.sampling.temperature == 0 for ask in asks)


def test_a_lean_to_one_position_cancels_out():
    """A judge that always gives the first answer 0.8 prefers neither."""
    fate = Pair().next(ROW, (says(0.8), says(0.8)))
    assert fate.columns["preference"] == pytest.approx(0.5)
    assert fate.columns["preference_order_gap"] == pytest.approx(0.6)


def test_the_mean_over_judges_and_orders():
    replies = (says(0.9), says(0.3), says(0.6), says(0.4))
    columns = Pair(engine=("a", "b")).next(ROW, replies).columns
    assert columns["preference_by"] == pytest.approx([0.8, 0.6])
    assert columns["preference"] == pytest.approx(0.7)
    assert columns["preference_order_gap"] == pytest.approx(0.1)


def test_mass_elsewhere_does_not_count():
    columns = Pair().next(ROW, (says(0.3, 0.1), says(0.1, 0.3))).columns
    assert columns["preference"] == pytest.approx(0.75)


def test_the_reply_without_a_verdict_is_named():
    with pytest.raises(ReplyError) as refused:
        Pair(engine=("a", "b")).next(ROW, (says(0.9), says(0.3), says(0.01, 0.02), says(0.4)))
    assert refused.value.call == 2
