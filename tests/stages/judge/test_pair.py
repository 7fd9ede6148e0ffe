"""A panel in both orders: known verdicts give the preference that arithmetic gives."""

import math

import pytest

from stages.ask import Reply, Sample
from stages.errors import ReplyError
from stages.judge.pair import Pair
from tests.support.replies import written

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


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ((0.9, 0.2), "chosen"),
        ((0.2, 0.9), "rejected"),
        ((0.9, 0.9), "inconsistent"),
        ((0.5, 0.5), "tie"),
        ((0.5, 0.2), "inconsistent"),
    ],
)
def test_the_verdict_is_that_of_all_calls(said, verdict):
    """As FastChat counts two games: what both say, else inconsistent."""
    replies = tuple(map(says, said))
    assert Pair().next(ROW, replies).columns["preference_verdict"] == verdict
    swapped = {**ROW, "chosen": ROW["rejected"], "rejected": ROW["chosen"]}
    other = {"chosen": "rejected", "rejected": "chosen"}.get(verdict, verdict)
    assert Pair().next(swapped, replies[::-1]).columns["preference_verdict"] == other
    dropped = Pair(on_tie="drop").next(ROW, replies)
    reasons = {"tie": "judge.tie", "inconsistent": "judge.inconsistent"}
    assert getattr(dropped, "reason", None) == reasons.get(verdict)


def test_a_call_keeps_what_was_said_and_in_which_order():
    first, second = Pair().next(ROW, (says(0.9), says(0.3))).columns["preference_calls"]
    assert (first["order"], second["order"]) == ("chosen first", "rejected first")
    assert first["first"] == pytest.approx(0.9)
    assert second["first"] == pytest.approx(0.3)
    assert first["by"] == "logprobs"
    assert first["reply"] == "1"
    assert first["prompt"] == second["prompt"]


@pytest.mark.parametrize(
    ("choices", "word", "counts"),
    [("two", "1", 1), ("tie", "0", 0.5), ("five", "2", 0.75), ("five", "5", 0), ("five", "3", 0.5)],
)
def test_what_a_verdict_counts_for_the_answer_shown_first(choices, word, counts):
    reply = written(verdict=word, reasons="It is shorter.")
    stage = Pair(choices=choices, verdict="rationale")
    columns = stage.next(ROW, (reply, reply)).columns
    assert columns["preference_calls"][0]["first"] == counts
    assert columns["preference_calls"][0]["rationale"] == "It is shorter."
    assert columns["preference"] == 0.5


def test_both_orders_share_all_that_comes_before_the_answers():
    one, two = (ask.prompt.messages[-1].content for ask in Pair().next(ROW, ()))
    start = one.index("<answer-")
    assert one[:start] == two[:start]


def test_the_reply_without_a_verdict_is_named():
    with pytest.raises(ReplyError) as refused:
        Pair(engine=("a", "b")).next(ROW, (says(0.9), says(0.3), says(0.01, 0.02), says(0.4)))
    assert refused.value.call == 2


@pytest.mark.parametrize(("choices", "word"), [("tie", "0"), ("five", "3")])
def test_belief_in_a_tie_is_a_tie(choices, word):
    """Whatever little is left for the answers: by the most probable word of each call."""
    position = {word: math.log(0.9), "1": math.log(0.06), "2": math.log(0.04)}
    reply = Reply((Sample(word, logprobs=(position,)),))
    columns = Pair(choices=choices).next(ROW, (reply, reply)).columns
    assert columns["preference_verdict"] == "tie"
    dropped = Pair(choices=choices, on_tie="drop").next(ROW, (reply, reply))
    assert dropped.reason == "judge.tie"
