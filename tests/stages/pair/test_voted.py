"""The three votes that are most alike, against brute force; the other order is the same pair."""

import itertools
from collections import Counter
from statistics import fmean

from stages.base import Kept
from stages.pair.voted import Voted

VOTES = (-3, -2, -1, 0, 1, 2, 3)


def decided(votes, sides=("a", "b"), **settings):
    return Voted(**settings).decide({"chosen": sides[0], "rejected": sides[1], "votes": votes})


def pair(fate, sides):
    """What is chosen, how strongly, of the sides as they came."""
    return (fate.columns.get("chosen", sides[0]), fate.columns["strength"])


def by_brute_force(votes):
    """The votes that are in some triple of the smallest spread, by all triples of places."""
    triples = list(itertools.combinations(range(len(votes)), 3))
    spreads = {t: max(votes[i] for i in t) - min(votes[i] for i in t) for t in triples}
    inside = {i for t in triples if spreads[t] == min(spreads.values()) for i in t}
    return sorted(votes[i] for i in inside)


def test_all_votes_of_three_to_six_against_brute_force():
    seen = Counter()
    for count in (3, 4, 5, 6):
        for votes in itertools.combinations_with_replacement(VOTES, count):
            fate, counted = decided(list(votes)), by_brute_force(votes)
            if max(counted) - min(counted) > 2:
                assert fate.reason == "pair.apart", votes
            elif round(fmean(counted)) == 0:
                assert fate.reason == "pair.tie", votes
            else:
                assert sorted(fate.columns["agreed_votes"]) == counted, votes
                assert fate.columns["strength"] == abs(round(fmean(counted)))
            seen[getattr(fate, "reason", "kept")] += 1
    assert len(seen) == 3


def test_triples_that_lie_far_from_each_other_agree_on_nothing():
    assert decided([-3, -3, -3, 1, 1, 1]).reason == "pair.apart"
    assert decided([-3, -2, -1, 0, 1]).reason == "pair.apart"


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
    assert decided([1, 1, 1], sides=("a", "a ")).reason == "pair.same"
    for odd in (["1", "2", "2"], "222", [30, 30, 30], [float("nan"), 1, 1]):
        assert decided(odd).reason == "pair.misfit"
