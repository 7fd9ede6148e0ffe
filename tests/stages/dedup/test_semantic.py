import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.base import Dropped, Kept
from stages.dedup import semantic
from stages.dedup.semantic import Semantic


def at(degrees):
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


def run(as_table, reader, vectors, threshold):
    table = as_table([{"embedding": v} for v in vectors])
    return list(Semantic(threshold=threshold).run(reader(table), seed=0))


def kept(fates):
    return [i for i, fate in enumerate(fates) if isinstance(fate, Kept)]


def test_greedy_keeps_both_ends_of_a_chain(as_table, reader):
    # a~b~c, but not a~c: b goes, and c is compared with kept rows only.
    fates = run(as_table, reader, [at(0), at(20), at(40)], math.cos(math.radians(25)))
    assert kept(fates) == [0, 2]
    assert fates[1] == Dropped("dedup.semantic", "cosine 0.940 with row0")


def test_greedy_on_a_v(as_table, reader):
    # 1~3 and 2~3: the third goes, and names the closer one.
    fates = run(as_table, reader, [at(0), at(45), at(25)], math.cos(math.radians(26)))
    assert kept(fates) == [0, 1]
    assert "with row1" in fates[2].detail


def test_a_chain_of_four(as_table, reader):
    fates = run(as_table, reader, [at(0), at(20), at(40), at(60)], math.cos(math.radians(25)))
    assert kept(fates) == [0, 2]


def test_the_threshold_itself_is_a_duplicate(as_table, reader):
    assert kept(run(as_table, reader, [[1.0, 0.0], [0.6, 0.8]], 0.6)) == [0]


def test_distance_to_the_nearest_other_row(as_table, reader):
    fates = run(as_table, reader, [at(0), at(60), at(180)], 0.9)
    distances = [fate.columns["min_neighbor_distance"] for fate in fates]
    assert distances == pytest.approx([0.5, 0.5, 1.5], abs=1e-6)


def test_no_rows_and_one_row(as_table, reader):
    assert list(Semantic().run(reader(), seed=0)) == []
    assert run(as_table, reader, [at(0)], 0.9) == [Kept({"min_neighbor_distance": None})]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 359), min_size=1, max_size=30), st.floats(0.5, 0.999))
def test_faiss_agrees_with_brute_force(degrees, threshold):
    import pyarrow as pa

    vectors = np.array([at(d) for d in degrees], dtype=np.float32)
    cosines = vectors @ vectors.T
    # Pairs within rounding of the threshold may fall either way.
    if np.any(np.abs(cosines - threshold) < 1e-5):
        return
    expected: list[int] = []
    for i in range(len(vectors)):
        if not any(cosines[i, j] >= threshold for j in expected):
            expected.append(i)

    class One:
        def tables(self, columns=None):
            ids = [f"row{i}" for i in range(len(vectors))]
            yield pa.table({"id": ids, "embedding": vectors.tolist()})

    assert kept(list(Semantic(threshold=threshold).run(One(), seed=0))) == expected


def test_a_row_without_a_vector_is_like_no_other(as_table, reader):
    fates = run(as_table, reader, [at(0), None, at(0), None], 0.9)
    assert kept(fates) == [0, 1, 3]


@pytest.mark.parametrize("block", [1, 5, 1024])
def test_blocks_change_nothing(monkeypatch, as_table, reader, block):
    draw = np.random.default_rng(3)
    centres = draw.standard_normal((12, 6))
    rows = centres[draw.integers(0, 12, 150)] + 0.15 * draw.standard_normal((150, 6))
    units = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    table = as_table(
        [{"embedding": row.tolist()} for row in units], embedding=pa.list_(pa.float32())
    )
    kept = []
    for i, row in enumerate(units):
        if not any(float(row @ units[j]) > 0.9 - 1e-6 for j in kept):
            kept.append(i)
    monkeypatch.setattr(semantic, "_BLOCK", block)
    fates = list(Semantic(threshold=0.9).run(reader(table.slice(0, 70), table.slice(70)), 0))
    assert [i for i, fate in enumerate(fates) if isinstance(fate, Kept)] == kept
    assert 10 < len(kept) < 140
    earlier = {int(f.detail.rpartition("row")[2]) for f in fates if isinstance(f, Dropped)}
    assert earlier <= set(kept)


def test_memory_follows_what_is_kept_and_not_all_pairs():
    """10,000 rows of one text: 50 million pairs, one kept row."""
    import tracemalloc

    vectors = np.zeros((10_000, 8), dtype=np.float32)
    vectors[:, 0] = 1.0
    tracemalloc.start()
    found = list(Semantic()._duplicates(vectors))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(earlier is None for earlier, _ in found) == 1
    assert peak < 50e6
