"""Parts have their shares, rows stay in theirs, and equal values are never in two of them."""

from collections import Counter

import pytest

from stages.annotate.part import Part


def parts(rows, **settings):
    stage = Part(**({"parts": {"train": 0.75, "test": 0.25}} | settings))
    return [stage.decide(row).columns["part"] for row in rows]


def numbered(count, start=0):
    return [{"id": f"row{n}"} for n in range(start, start + count)]


def test_shares_are_kept_as_chance_keeps_them():
    # Three standard deviations of a binomial are 41 rows.
    assert Counter(parts(numbered(1_000)))["test"] == pytest.approx(250, abs=41)
    ten = Counter(parts(numbered(5_000), parts={name: 0.1 for name in "abcdefghij"}))
    assert ten.total() == 5_000
    assert all(abs(count - 500) < 64 for count in ten.values())
    assert len(ten) == 10


def test_a_row_stays_in_its_part_when_others_come():
    assert parts(numbered(100)) == parts(numbered(130))[:100]
    assert parts(numbered(30, start=70)) == parts(numbered(100))[70:]


def test_equal_values_stay_together():
    texts = [f"Task {n % 40}" for n in range(200)] + [f"  task   {n} " for n in range(40)] + [None]
    found = parts([{"id": str(n), "text": text} for n, text in enumerate(texts)], by="text")
    where = {}
    for text, part in zip(texts, found, strict=True):
        same = " ".join(text.lower().split()) if text else text
        assert where.setdefault(same, part) == part
    assert set(where.values()) == {"train", "test"}
    assert Part(parts={"a": 0.5, "b": 0.5}, by="text").needs == ("text",)


def test_what_is_no_division():
    with pytest.raises(ValueError, match=r"add up to 1\.1"):
        Part(parts={"a": 0.5, "b": 0.6})
    with pytest.raises(ValueError, match="pattern"):
        Part(parts={"../a": 0.5, "b": 0.5})
