"""Single elimination by a judge without a flaw: n - 1 calls, the true best, and the true worst."""

import pytest

from stages.ask import Reply, Sample
from stages.base import Dropped, Failed
from stages.errors import ReplyError
from stages.judge.bracket import Bracket

ROW = {"instruction": "Name a river.", "seed": 5}


def play(stage, responses, judge, row=ROW):
    """The columns, and how many calls each round took."""
    replies, rounds = [], []
    while isinstance(asks := stage.next({**row, "responses": responses}, tuple(replies)), list):
        rounds.append(len(asks))
        replies += map(judge, asks)
    return asks.columns, rounds


def strength(ask):
    """Both answers' numbers, as they are shown."""
    lines = ask.prompt.messages[0].content.splitlines()
    return [int(line.removeprefix("answer ")) for line in lines if line.startswith("answer ")]


def truth(ask):
    first, second = strength(ask)
    return likely("1" if first > second else "2")


def likely(word):
    return Reply((Sample("", logprobs=({word: -0.01},)),), model="m")


@pytest.mark.parametrize("count", range(2, 17))
@pytest.mark.parametrize("worst", [False, True])
def test_the_best_wins_in_n_minus_one_calls(count, worst):
    responses = [f"answer {(7 * i) % 17}" for i in range(count)]
    strongest = max(range(count), key=lambda i: int(responses[i].split()[1]))
    for seed in range(40):
        row = {**ROW, "seed": seed}
        columns, rounds = play(Bracket(worst=worst), responses, truth, row)
        assert sum(rounds) - (count // 2 - 1) * worst == count - 1
        assert columns["bracket_best"] == strongest
        assert columns["bracket_even"] == 0
        scores = columns["bracket_scores"]
        assert scores[strongest] > max(scores[:strongest] + scores[strongest + 1 :])
        assert scores[strongest] == (count - 1).bit_length()


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 16])
@pytest.mark.parametrize("seed", range(4))
def test_the_worst_of_those_who_lost_at_first(count, seed):
    responses = [f"answer {(7 * i) % 17}" for i in range(count)]
    columns, rounds = play(Bracket(worst=True), responses, truth, {**ROW, "seed": seed})
    assert sum(rounds) == count - 1 + count // 2 - 1 <= Bracket(worst=True).most_calls
    worst = columns["bracket_scores"].index(-1.0)
    played = {m["winner"] for m in columns["bracket_matches"][: count // 2]}
    played |= {m["loser"] for m in columns["bracket_matches"][: count // 2]}
    # Who had nobody to meet in the first round cannot be the worst.
    assert worst == min(played, key=lambda i: int(responses[i].split()[1]))
    assert columns["bracket_scores"].count(-1.0) == 1


def test_the_true_order_of_entrants_over_many_requests():
    names = ("weak", "good", "fair", "best")
    responses = ["answer 1", "answer 7", "answer 4", "answer 9"]
    wins = [0.0] * 4
    for seed in range(60):
        columns, _ = play(Bracket(entrants=names), responses, truth, {**ROW, "seed": seed})
        assert columns["bracket_entrants"] == list(names)
        wins = [a + b for a, b in zip(wins, columns["bracket_scores"], strict=True)]
    assert sorted(range(4), key=wins.__getitem__) == [0, 2, 1, 3]


def test_who_meets_whom_is_drawn():
    responses = [f"answer {i}" for i in range(8)]
    rows = [{**ROW, "seed": seed, "responses": responses} for seed in range(20)]
    met = {tuple(tuple(strength(ask)) for ask in Bracket().next(row, ())) for row in rows}
    assert len(met) > 15
    assert len({pair[0] for first in met for pair in first}) == 8, "each is shown first at times"


def test_an_even_match_goes_to_the_first():
    even = Reply((Sample("", logprobs=({"1": -0.7, "2": -0.7},)),), model="m")
    columns, _ = play(Bracket(), ["answer 1", "answer 2"], lambda _: even)
    ask = Bracket().next({**ROW, "responses": ["answer 1", "answer 2"]}, ())[0]
    assert columns["bracket_best"] == strength(ask)[0] - 1
    assert columns["bracket_matches"][0]["first"] == 0.5
    assert columns["bracket_even"] == 1


def test_the_call_that_cannot_be_read_is_named():
    responses = [f"answer {i}" for i in range(4)]
    asks = Bracket().next({**ROW, "responses": responses}, ())
    replies = [truth(asks[0]), Reply((Sample("", logprobs=({"maybe": 0.0},)),), model="m")]
    with pytest.raises(ReplyError) as refused:
        Bracket().next({**ROW, "responses": responses}, tuple(replies))
    assert refused.value.call == 1


def test_what_cannot_be_played():
    for responses in (None, [], ["one"], ["x"] * 17, ["one", None]):
        assert isinstance(Bracket().next({**ROW, "responses": responses}, ()), Dropped)
    misfit = Bracket(entrants=("a",)).next({**ROW, "responses": ["x", "y"]}, ())
    assert isinstance(misfit, Failed)
    assert misfit.detail == "2 answers of 1 entrants"
