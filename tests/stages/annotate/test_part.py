"""Parts have their shares to the row, and equal values are never in two of them."""

from collections import Counter

import pytest

from stages.annotate.part import Part


def parts(texts, reader, as_table, seed=1, **settings):
    table = as_table([{"instruction": text} for text in texts])
    stage = Part(**({"parts": {"train": 0.75, "test": 0.25}} | settings))
    return [fate.columns["part"] for fate in stage.run(reader(table), seed)]


def test_shares_are_kept_to_the_row_and_drawn_by_the_seed(reader, as_table):
    for count in (1, 2, 4, 10, 103):
        found = Counter(parts(["x"] * count, reader, as_table))
        assert found["test"] in (count // 4, -(-count // 4))
    one, other = (parts(["x"] * 40, reader, as_table, seed=seed) for seed in (1, 2))
    assert one == parts(["x"] * 40, reader, as_table, seed=1) != other
    # Not the head of the file.
    assert "test" in one[:20] and "test" in one[20:]


def test_equal_values_stay_together(reader, as_table):
    texts = [f"task {n % 12}" for n in range(60)] + [None] * 4
    found = parts(texts, reader, as_table, by="instruction")
    where = {}
    for text, part in zip(texts, found, strict=True):
        assert where.setdefault(text, part) == part
    assert Counter(where.values()) == {"train": 10, "test": 3}


def test_many_parts_cover_all_rows(reader, as_table):
    shares = {name: 0.1 for name in "abcdefghij"}
    assert Counter(parts(["x"] * 25, reader, as_table, parts=shares)).total() == 25
    with pytest.raises(ValueError, match="together are 1"):
        Part(parts={"a": 0.5, "b": 0.6})
