"""Ranks, against SciPy's; values as written; bounds, rounding apart."""

import numpy as np
import pytest
from scipy.stats import rankdata

from stages.shared.numbers import as_written, average_ranks, reaches


@pytest.mark.parametrize(
    "values",
    [[], [2.0], [3.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, -0.0, -np.inf, np.inf, -np.inf]],
)
def test_ranks_of_some(values):
    assert list(average_ranks(values)) == list(rankdata(values))


def test_ranks_of_many_with_ties():
    values = np.random.default_rng(1).integers(0, 40, 2000) / 10
    assert list(average_ranks(values)) == list(rankdata(values))


@pytest.mark.parametrize(
    ("value", "written"),
    [(4.0, "4"), (2.5, "2.5"), (4, "4"), (True, "true"), ("a", "a"), (float("nan"), "nan")],
)
def test_a_value_as_a_recipe_writes_it(value, written):
    assert as_written(value) == written


def test_rounding_apart():
    assert reaches(0.95 - 0.9, 0.05)
    assert not reaches(0.049, 0.05)
