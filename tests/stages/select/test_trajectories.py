"""Rows by the way of their losses: planted clusters are found, and drawn evenly."""

import random

from stages.base import Dropped, Kept
from stages.select.trajectories import Trajectories

WAYS = {"down": (3, 2, 1), "flat": (2, 2, 2), "up": (1, 2, 3), "high": (9, 9, 9)}


def fates(as_table, reader, given, **settings):
    table = as_table([{"losses": losses} for losses in given])
    return list(Trajectories(**settings).run(reader(table), 7))


def planted(*counts):
    draw = random.Random(3)
    rows = [
        [x + draw.gauss(0, 0.02) for x in way]
        for way, count in zip(WAYS.values(), counts, strict=True)
        for _ in range(count)
    ]
    names = [name for name, count in zip(WAYS, counts, strict=True) for _ in range(count)]
    return rows, names


def test_each_cluster_gives_equally_many(as_table, reader):
    rows, names = planted(60, 30, 20, 0)
    found = fates(as_table, reader, rows, rows=30, clusters=3)
    kept = [name for name, fate in zip(names, found, strict=True) if isinstance(fate, Kept)]
    assert {name: kept.count(name) for name in set(kept)} == {"down": 10, "flat": 10, "up": 10}
    by_name = {}
    for name, fate in zip(names, found, strict=True):
        if isinstance(fate, Kept):
            by_name.setdefault(name, set()).add(fate.columns["trajectory"])
    assert all(len(numbers) == 1 for numbers in by_name.values())


def test_what_a_small_cluster_lacks_others_give(as_table, reader):
    rows, names = planted(60, 30, 4, 0)
    found = fates(as_table, reader, rows, rows=30, clusters=3)
    kept = [name for name, fate in zip(names, found, strict=True) if isinstance(fate, Kept)]
    assert len(kept) == 30
    assert kept.count("up") == 4


def test_outliers_and_rows_without_losses(as_table, reader):
    rows, _ = planted(20, 20, 0, 2)
    found = fates(as_table, reader, [*rows, None, [1.0]], rows=10, clusters=3)
    assert found[40:42] == [Dropped("select.outlier")] * 2
    assert found[42:] == [Dropped("select.no_value")] * 2


def test_one_longer_trajectory_costs_itself(as_table, reader):
    rows, _ = planted(20, 20, 0, 0)
    found = fates(as_table, reader, [[1.0] * (len(rows[0]) + 1), *rows], rows=10, clusters=3)
    assert found[0] == Dropped("select.no_value")
    assert sum(isinstance(fate, Kept) for fate in found) == 10


def test_losses_that_are_no_numbers_count_as_nought(as_table, reader):
    rows = [[float("nan"), 1.0], [float("inf"), 1.0], [0.0, 1.0]] * 3
    found = fates(as_table, reader, rows, rows=9, clusters=5)
    assert all(isinstance(fate, Kept) for fate in found)
    assert len({fate.columns["trajectory"] for fate in found}) == 1


def test_a_small_set_is_no_set_of_outliers(as_table, reader):
    draw = random.Random(1)
    rows = [[draw.random(), draw.random()] for _ in range(60)]
    found = fates(as_table, reader, rows, rows=30)
    assert sum(isinstance(fate, Kept) for fate in found) == 30
