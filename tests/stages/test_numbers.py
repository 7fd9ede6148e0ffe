"""Ranks, against SciPy's."""

import numpy as np
import pytest
from scipy.stats import rankdata

from stages.shared.numbers import average_ranks


@pytest.mark.parametrize(
    "values",
    [[], [2.0], [3.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, -0.0, -np.inf, np.inf, -np.inf]],
)
def test_ranks_of_some(values):
    assert list(average_ranks(values)) == list(rankdata(values))


def test_ranks_of_many_with_ties():
    values = np.random.default_rng(1).integers(0, 40, 2000) / 10
    assert list(average_ranks(values)) == list(rankdata(values))
