"""Draws are uniform, and of each other independent."""

from collections import Counter

import pytest

from stages.draw.values import Values


def test_uniform_and_independent():
    stage = Values(values={"a": list("wxyz"), "b": list("123")})
    drawn = Counter(tuple(stage.decide({"seed": seed}).columns.values()) for seed in range(12_000))
    assert len(drawn) == 12
    # Each is expected 1,000 times; four standard deviations are 121.
    assert all(abs(n - 1000) < 121 for n in drawn.values())


def test_another_name_beside_it_changes_nothing():
    alone = Values(values={"a": list("wxyz")})
    beside = Values(values={"b": list("123"), "a": list("wxyz")})
    for seed in range(100):
        row = {"seed": seed}
        assert alone.decide(row).columns["a"] == beside.decide(row).columns["a"]


def test_nothing_to_draw_from():
    with pytest.raises(ValueError, match="at least 1 item"):
        Values(values={"a": []})
