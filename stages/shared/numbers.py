"""Numbers that rows hold: a file may have any float."""

from collections.abc import Sequence
from math import isclose, isfinite
from typing import Any, TypeGuard

import numpy as np


def is_score(value: Any) -> TypeGuard[float]:
    """Whether it is a number that others can be held against: not null, not NaN, not infinite."""
    return isinstance(value, int | float) and isfinite(value)


def reaches(value: float, least: float) -> bool:
    """Whether it is at least that, rounding apart: 0.95 - 0.9 reaches 0.05."""
    return value >= least or isclose(value, least, rel_tol=1e-9, abs_tol=1e-12)


def as_written(value: object) -> str:
    """A value as a recipe writes it: 4 for 4.0, `true` for a truth value."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def average_ranks(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Ranks from 1 (lowest), float64; ties share the mean of theirs. For numbers without NaN.

    What `scipy.stats.rankdata` gives; importing that module takes 0.7 s of every command.
    """
    given = np.asarray(values)
    ordered = np.sort(given)
    below = np.searchsorted(ordered, given, "left")
    return (below + np.searchsorted(ordered, given, "right") + 1) / 2
