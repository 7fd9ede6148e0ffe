"""DeRTa's prefixes: always the harmful answer's own first words, and never nearly all of it."""

from collections import Counter

from stages.base import Dropped
from stages.pair.refusal_prefix import RefusalPrefix

HARMFUL, SAFE = "First take the red wire and join it", "I will not help with that."


def test_the_prefix_is_the_harmful_answers_own_and_leaves_two_words():
    counts = Counter()
    for seed in range(6_000):
        row = {"harmful": HARMFUL, "safe": SAFE, "seed": seed}
        made = RefusalPrefix().decide(row).columns
        count = len(made["prefix"].split())
        assert made["prefix"] == " ".join(HARMFUL.split()[:count])
        assert made["response"] == f"{made['prefix']} {SAFE}".strip()
        counts[count] += 1
    assert set(counts) == set(range(7))  # 0, and 1 to n - 2 of eight words
    # A third have none: 2,000 of 6,000 with a standard deviation of 37.
    assert abs(counts[0] - 2_000) < 4 * 37
    assert all(abs(counts[n] - 667) < 4 * 25 for n in range(1, 7))


def test_a_short_answer_gives_none():
    made = RefusalPrefix().decide({"harmful": "Take it.", "safe": SAFE, "seed": 1}).columns
    assert made == {"response": SAFE, "prefix": ""}


def test_without_a_safe_answer_nothing_is_left_of_the_harmful_one():
    row = {"harmful": HARMFUL, "safe": None, "seed": 1}
    assert RefusalPrefix().decide(row) == Dropped("pair.missing")
