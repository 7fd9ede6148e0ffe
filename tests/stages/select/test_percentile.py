"""Places among all rows: halves are halves, whatever the numbers are."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.select.percentile import Percentile


def places(as_table, reader, *shards):
    tables = [as_table([{"value": v} for v in each], value=pa.float64()) for each in shards]
    return [fate.columns["percentile"] for fate in Percentile().run(reader(*tables), 1)]


def test_over_all_shards(as_table, reader):
    assert places(as_table, reader, [4.0, 1.0], [9.0, 2.0]) == [0.625, 0.125, 0.875, 0.375]


def test_equal_numbers_share_their_places(as_table, reader):
    assert places(as_table, reader, [5.0, 5.0, 1.0, 5.0]) == [0.625, 0.625, 0.125, 0.625]


def test_what_is_no_number_has_no_place(as_table, reader):
    found = places(as_table, reader, [2.0, None, float("nan"), float("inf"), 1.0])
    assert found == [0.75, None, None, None, 0.25]
    assert places(as_table, reader, [None]) == [None]


@given(values=st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30))
def test_the_mean_is_a_half_and_half_lie_above(values):
    class Rows:
        def tables(self, columns):
            yield pa.table({"value": pa.array(values, pa.float64())})

    found = [fate.columns["percentile"] for fate in Percentile().run(Rows(), 1)]
    assert sum(found) / len(found) == pytest.approx(0.5)
    assert sorted(found) == [p for _, p in sorted(zip(values, found, strict=True))]
    if len(set(values)) == len(values):
        assert sum(place >= 0.5 for place in found) == (len(values) + 1) // 2
