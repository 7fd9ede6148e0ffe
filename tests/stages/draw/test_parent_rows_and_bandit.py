"""Draws from other chains: parents by their value, several rows for one, arms by their rewards."""

import math
from collections import Counter

import pyarrow as pa
import pytest

from stages.base import Derived, Dropped
from stages.draw.bandit import Bandit
from stages.draw.parent import Parent
from stages.draw.rows import Rows

MANY = 4000


@pytest.fixture
def blank(as_table):
    return as_table([{"x": i} for i in range(MANY)])


def pool(as_table, values, **types):
    rows = [{"instruction": f"task {i}", "fitness": v} for i, v in enumerate(values)]
    return as_table(rows, fitness=pa.float64())


def drawn(stage, reader, blank, **chains):
    fates = list(stage.run(reader(blank, **chains), 5))
    assert len(fates) == MANY
    return Counter(fate.columns["old"] for fate in fates)


def parent(**settings):
    return Parent(of=("pool",), take={"old": "instruction"}, value="fitness", **settings)


def test_chances_are_a_softmax(as_table, reader, blank):
    found = drawn(parent(temperature=0.5), reader, blank, pool=pool(as_table, [0.0, 0.5, None]))
    whole = 2 + math.e  # the null counts as the worst
    assert found["task 1"] / MANY == pytest.approx(math.e / whole, abs=0.03)
    assert found["task 0"] / MANY == pytest.approx(1 / whole, abs=0.03)
    assert found["task 2"] / MANY == pytest.approx(1 / whole, abs=0.03)


def test_lowest_prefers_what_has_reached_least(as_table, reader, blank):
    stage = parent(temperature=0.1, lowest=True)
    found = drawn(stage, reader, blank, pool=pool(as_table, [1.0, 0.0]))
    assert found["task 1"] > 0.99 * MANY


def test_at_temperature_0_the_first_of_the_best(as_table, reader, blank):
    found = drawn(parent(temperature=0), reader, blank, pool=pool(as_table, [0.1, 0.9, 0.9]))
    assert found == {"task 1": MANY}
    found = drawn(parent(temperature=0, lowest=True), reader, blank, pool=pool(as_table, [None, 1]))
    assert found == {"task 0": MANY}, "a null is as bad as the worst, and here it is the first"


def test_extreme_values_overflow_nothing(as_table, reader, blank):
    found = drawn(parent(temperature=1e-6), reader, blank, pool=pool(as_table, [-1e9, 1e9]))
    assert found == {"task 1": MANY}


def test_an_empty_chain_has_no_parent(as_table, reader, blank):
    none = pool(as_table, [0.0]).slice(0, 0)
    fate = next(iter(parent().run(reader(blank, pool=none), 5)))
    assert fate == Dropped("draw.no_parent", "pool: no rows")


def test_several_rows_of_one(as_table, reader):
    rows = as_table([{"method": "m"}] * 3)
    stage = Rows(of="seeds", take={"task": "instruction"}, rows=2)
    seeds = pool(as_table, [0.0] * 5)
    fates = list(stage.run(reader(rows, seeds=seeds), 5))
    assert all(isinstance(fate, Derived) and len(fate.rows) == 2 for fate in fates)
    for fate in fates:
        first, second = (row["task"] for row in fate.rows)
        assert first != second, "without replacement"
    assert len({str(fate) for fate in fates}) > 1, "anew for each row"
    assert stage.max_rows(3) == 6


def test_where_the_chain_has_fewer_rows_all_of_them_come(as_table, reader):
    stage = Rows(of="seeds", take={"task": "instruction"}, rows=9)
    (fate,) = stage.run(reader(as_table([{"x": 1}]), seeds=pool(as_table, [0.0] * 3)), 5)
    assert sorted(row["task"] for row in fate.rows) == ["task 0", "task 1", "task 2"]


def test_an_empty_chain_has_no_rows(as_table, reader):
    none = pool(as_table, [0.0]).slice(0, 0)
    stage = Rows(of="seeds", take={"task": "instruction"}, rows=2)
    assert list(stage.run(reader(as_table([{"x": 1}]), seeds=none), 5)) == [
        Dropped("draw.no_rows", "seeds: no rows")
    ]


def test_what_is_not_finite_is_no_value(as_table, reader, blank):
    values = [math.nan, 0.5, -math.inf, math.inf]
    found = drawn(parent(temperature=0), reader, blank, pool=pool(as_table, values))
    assert found == {"task 0": MANY}, "all count as 0.5, the only value there is"
    odd = [{"arm": "a", "reward": math.nan}, {"arm": "b", "reward": 1.0}]
    rows = as_table([{"x": 1}] * 50)
    arms = [
        f.columns["arm"] for f in Bandit(arms=("a", "b")).run(reader(rows, pool=as_table(odd)), 1)
    ]
    assert set(arms) == {"a", "b"}


def test_a_bandit_converges(as_table, reader):
    """Arms pay 1, 2 and 3 with noise: after some rounds the best is drawn most, all were tried."""
    import random

    noise, seen = random.Random(1), []
    stage = Bandit(arms=("a", "b", "c"), temperature=0.3)
    pays = {"a": 1.0, "b": 2.0, "c": 3.0}
    for turn in range(12):
        before = as_table(
            seen or [{"arm": "a", "reward": None}], arm=pa.string(), reward=pa.float64()
        )
        rows = as_table([{"x": i} for i in range(20)])
        arms = [fate.columns["arm"] for fate in stage.run(reader(rows, pool=before), turn)]
        seen += [{"arm": arm, "reward": pays[arm] + noise.gauss(0, 0.3)} for arm in arms]
    assert {row["arm"] for row in seen[:20]} == {"a", "b", "c"}
    assert Counter(row["arm"] for row in seen[-100:])["c"] > 85


def test_chances_of_a_bandit():
    stage = Bandit(arms=("a", "b", "c"), temperature=0.5)
    chances = stage.chances({"a": [1.0, 2.0], "b": [1.0], "c": []})
    between = math.exp(-0.25 / 0.5)
    assert chances == pytest.approx([1, math.exp(-1), between]), "no reward counts as the mean"
    assert stage.chances({"a": [], "b": [], "c": []}) == [1, 1, 1]
