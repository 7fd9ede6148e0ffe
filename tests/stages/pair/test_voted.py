"""The three votes that are most alike, against brute force; the other order is the same pair."""

import itertools
from statistics import fmean

from stages.base import Kept
from stages.pair.voted import Voted

VOTES = (-3, -2, -1, 0, 1, 2, 3)


def decided(votes, sides=("a", "b"), **settings):
    return Voted(**settings).decide({"chosen": sides[0], "rejected": sides[1], "votes": votes})


def pair(fate, sides):
    """What is chosen, how strongly, of the sides as they came."""
    return (fate.columns.get("chosen", sides[0]), fate.columns["strength"])


def test_every_five_votes_against_brute_force():
    for votes in itertools.combinations_with_replacement(VOTES, 5):
        spread = min(max(t) - min(t) for t in itertools.combinations(votes, 3))
        fate = decided(list(votes))
        if spread > 2:
            assert fate.reason == "pair.apart", votes
        elif isinstance(fate, Kept):
            three = fate.columns["agreed_votes"]
            assert max(three[:3]) - min(three[:3]) == spread
            assert fate.columns["strength"] == abs(round(fmean(three))) > 0


def test_the_other_order_gives_the_same_pair():
    for count in (3, 4, 5):
        for votes in itertools.product(VOTES, repeat=count):
            fate, other = decided(list(votes)), decided([-v for v in votes], ("b", "a"))
            assert type(fate) is type(other)
            if isinstance(fate, Kept):
                assert pair(fate, "ab") == pair(other, "ba"), votes
            else:
                assert fate.reason == other.reason


def test_an_outlier_does_not_count_and_few_votes_are_none():
    fate = decided([2, 1, 2, -3])
    facts = {"strength": 2, "exchanged": True, "agreed_votes": [1, 2, 2]}
    assert fate.columns == facts | {"chosen": "b", "rejected": "a"}
    assert "chosen" not in decided([-2, -1, -2, 3]).columns
    assert decided([-1, None, 1]).reason == "pair.few_votes"
    assert decided(None).reason == "pair.few_votes"
    assert decided([0, 0, 0]).reason == "pair.tie"
    assert decided([-3, 0, 3]).reason == "pair.apart"
    assert decided([-3, 0, 3], most_spread=6).reason == "pair.tie"
