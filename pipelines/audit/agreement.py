"""How far raters agree, beside what they would agree by chance.

Ratings are a list of units, each a list with one label per rater, None where a rater said nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

Ratings = Sequence[Sequence[str | float | None]]
Coefficient = Callable[[Ratings], float]
"""Nan where it is not defined, such as for units that nobody rated twice."""


def raw(ratings: Ratings) -> float:
    """The share of pairs of ratings of a unit that are the same, averaged over units."""
    shares = [_same(Counter(unit)) for unit in _rated_twice(ratings)]
    return float(np.mean(shares)) if shares else float("nan")


def cohen_kappa(ratings: Ratings) -> float:
    """Cohen's kappa of two raters (1960): chance is the product of each rater's own shares."""
    pairs = [unit for unit in ratings if len(unit) == 2 and None not in unit]
    if not pairs:
        return float("nan")
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[label] * second[label] for label in first) / len(pairs) ** 2
    return _beyond(sum(a == b for a, b in pairs) / len(pairs), chance)


def fleiss_kappa(ratings: Ratings) -> float:
    """Fleiss' kappa (1971); of units with unequal numbers of ratings the generalisation of AC1."""
    shares = _shares(ratings)
    return _beyond(raw(ratings), sum(share**2 for share in shares.values()))


def gwet_ac1(ratings: Ratings, labels: int = 2) -> float:
    """Gwet's AC1 (doi:10.1348/000711006X126600): sound where one label is far more frequent.

    `labels`: how many there are to choose from, used or not; without it a label that one rater uses
    once would change the figure.
    """
    shares = _shares(ratings)
    chance = sum(share * (1 - share) for share in shares.values()) / (max(labels, len(shares)) - 1)
    return _beyond(raw(ratings), chance)


def krippendorff_alpha(
    ratings: Ratings, level: Literal["nominal", "interval"] = "nominal"
) -> float:
    """Krippendorff's alpha: 1 - observed over expected disagreement, units rated once left out."""
    units = _rated_twice(ratings)
    values = [label for unit in units for label in unit]
    if len(set(values)) < 2:
        return float("nan")
    observed = sum(_disagreement(unit, level) / (len(unit) - 1) for unit in units)
    expected = _disagreement(values, level) / (len(values) - 1)
    return 1 - observed / expected


def _disagreement(values: Sequence[str | float], level: str) -> float:
    """The sum of squared differences over ordered pairs; nominal ones differ by 1."""
    if level == "nominal":
        total = len(values)
        return float(total**2 - sum(n**2 for n in Counter(values).values()))
    numbers = np.asarray(values, dtype=float)
    numbers = numbers - numbers.mean()
    return float(2 * len(numbers) * (numbers**2).sum())


def _rated_twice(ratings: Ratings) -> list[list[str | float]]:
    units = [[label for label in unit if label is not None] for unit in ratings]
    return [unit for unit in units if len(unit) > 1]


def _same(counts: Counter[str | float]) -> float:
    total = counts.total()
    return sum(n * (n - 1) for n in counts.values()) / (total * (total - 1))


def _shares(ratings: Ratings) -> Mapping[str | float, float]:
    """How frequent each label is: the mean of its share in the units, those rated once included."""
    rated = ([label for label in unit if label is not None] for unit in ratings)
    units = [unit for unit in rated if unit]
    labels = {label for unit in units for label in unit}
    return {
        label: float(np.mean([Counter(unit)[label] / len(unit) for unit in units]))
        for label in labels
    }


def _beyond(observed: float, chance: float) -> float:
    return (observed - chance) / (1 - chance) if chance < 1 else float("nan")
