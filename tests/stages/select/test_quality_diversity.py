import pytest

from stages.base import Dropped, Kept
from stages.select.quality_diversity import QualityDiversity, quality_ranks


def choose(as_table, reader, values, **settings):
    table = as_table([{"score": s, "embedding": e} for s, e in values])
    fates = list(QualityDiversity(**settings).run(reader(table), seed=0))
    chosen = {i: f.columns["selection_rank"] for i, f in enumerate(fates) if isinstance(f, Kept)}
    return sorted(chosen, key=chosen.get), fates


A, B, C = [1.0, 0.0], [0.99, 0.141], [0.0, 1.0]


def test_quality_alone_takes_the_best(as_table, reader):
    order, _ = choose(as_table, reader, [(1.0, A), (3.0, B), (2.0, C)], rows=2, quality=1.0)
    assert order == [1, 2]


def test_diversity_takes_the_far_one(as_table, reader):
    order, fates = choose(as_table, reader, [(3.0, A), (2.9, B), (1.0, C)], rows=2, quality=0.3)
    assert order == [0, 2]
    assert fates[1] == Dropped("select.not_chosen", "the 2 chosen gain more")


def test_fewer_rows_than_asked_for_are_all_kept(as_table, reader):
    order, _ = choose(as_table, reader, [(1.0, A), (2.0, C)], rows=5)
    assert sorted(order) == [0, 1]


def test_equal_rows_fall_to_the_earlier(as_table, reader):
    order, _ = choose(as_table, reader, [(2.0, A), (2.0, A), (2.0, A)], rows=2)
    assert order == [0, 1]


def test_no_rows(reader):
    assert list(QualityDiversity(rows=3).run(reader(), seed=0)) == []


def test_ranks():
    assert quality_ranks([1.0, 3.0, 2.0]).tolist() == [0.0, 1.0, 0.5]
    assert quality_ranks([None, 3.0, 2.0]).tolist() == [0.0, 1.0, 0.5]
    assert quality_ranks([2.0, 2.0, 2.0]).tolist() == pytest.approx([0.5, 0.5, 0.5])
