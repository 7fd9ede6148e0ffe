"""Magpie's distances and its rule for repetitions."""

import numpy as np
import pyarrow as pa
import pytest

from stages.annotate.neighbours import Neighbours

VECTORS = pa.list_(pa.float32())


def annotated(as_table, reader, vectors, **settings):
    unit = [list(np.array(v) / np.linalg.norm(v)) for v in vectors]
    table = as_table([{"embedding": v} for v in unit], embedding=VECTORS)
    return [fate.columns for fate in Neighbours(**settings).run(reader(table), 0)]


def test_distances_are_squared_and_euclidean(as_table, reader):
    first, *_ = annotated(as_table, reader, [(1, 0), (0, 1), (1, 1)])
    assert first["min_neighbor_distance"] == pytest.approx(2 - 2**0.5, abs=1e-6)
    assert first["repeat_count"] == 0
    assert first["min_similar_id"] is None
    assert not first["repeats_earlier"]


def test_the_lowest_of_similar_rows_stays_even_behind_one_that_goes(as_table, reader):
    """1~3, 2~3: any earlier neighbour counts, kept or not."""
    angle = np.radians([0, 18, 9])  # 9 degrees are 0.0246 apart, 18 degrees 0.0979
    rows = annotated(as_table, reader, [(np.cos(a), np.sin(a)) for a in angle])
    assert [row["repeats_earlier"] for row in rows] == [False, False, True]
    assert [row["min_similar_id"] for row in rows] == ["row0", "row1", "row0"]
    assert [row["repeat_count"] for row in rows] == [1, 1, 2]


def test_a_single_row(as_table, reader):
    (row,) = annotated(as_table, reader, [(1, 0)])
    assert row["min_neighbor_distance"] is None
    assert row["repeat_count"] == 0


def test_as_the_plain_rule_over_several_blocks(as_table, reader, monkeypatch):
    monkeypatch.setattr("stages.annotate.neighbours._BLOCK", 16)
    draw = np.random.default_rng(3)
    vectors = draw.normal(size=(50, 3))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = ((unit[:, None] - unit[None]) ** 2).sum(-1)
    np.fill_diagonal(distances, np.inf)
    for i, row in enumerate(annotated(as_table, reader, vectors)):
        similar = np.flatnonzero(distances[i] < 0.05)
        assert row["min_neighbor_distance"] == pytest.approx(distances[i].min(), abs=1e-5)
        assert row["repeat_count"] == len(similar)
        assert row["repeats_earlier"] == any(similar < i)
