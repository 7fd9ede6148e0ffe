"""Numbers that rows hold: a file may have any float."""

from math import isfinite
from typing import Any, TypeGuard


def is_score(value: Any) -> TypeGuard[float]:
    """Whether it is a number that others can be held against: not null, not NaN, not infinite."""
    return isinstance(value, int | float) and isfinite(value)
