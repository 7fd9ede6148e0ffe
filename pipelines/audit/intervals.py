"""How sure a figure is."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_DRAWS, _DRAWS_OF_MEANS = 300, 2000
_LEVEL = 0.95
_FEW = 5
"""Of fewer clusters the bootstrap knows nothing: of two it draws one of them every second time."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95% interval; nan where there is none."""

    value: float
    low: float
    high: float


def by_cluster(
    items: Sequence[T],
    clusters: Sequence[Hashable],
    figure: Callable[[Sequence[T]], float],
    seed: int = 0,
) -> Estimate:
    """`figure` of `items`, with the bootstrap's percentiles over whole clusters.

    Answers to one question are no independent evidence: a draw takes all items of a cluster or
    none. Draws for which the figure is not defined do not count.
    """
    value = figure(items)
    grouped: dict[Hashable, list[T]] = defaultdict(list)
    for item, cluster in zip(items, clusters, strict=True):
        grouped[cluster].append(item)
    groups = list(grouped.values())
    if len(groups) < _FEW or np.isnan(value):
        return Estimate(value, float("nan"), float("nan"))
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(_DRAWS):
        chosen = random.integers(len(groups), size=len(groups))
        drawn.append(figure([item for i in chosen for item in groups[i]]))
    known = [each for each in drawn if not np.isnan(each)]
    if not known:
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def mean_by_cluster(values: Sequence[float], clusters: Sequence[Hashable]) -> Estimate:
    """The mean of `values` with the same interval, for which no list of items has to be drawn."""
    if not values:
        return Estimate(float("nan"), float("nan"), float("nan"))
    value = float(np.mean(values))
    places = {cluster: place for place, cluster in enumerate(dict.fromkeys(clusters))}
    of = [places[cluster] for cluster in clusters]
    if len(places) < _FEW:
        return Estimate(value, float("nan"), float("nan"))
    sums, counts = np.bincount(of, weights=values), np.bincount(of)
    random = np.random.default_rng(0)
    drawn = random.integers(len(places), size=(_DRAWS_OF_MEANS, len(places)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def prediction_powered(
    judged: Sequence[float],
    gold: Sequence[float | None],
    clusters: Sequence[Hashable],
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Estimate:
    """The mean that gold labels would have, from many judge's labels and few gold ones.

    `gold`: None where a row has none; the value lies within `bounds`. The judge's mean over the
    other rows is corrected by what it is wrong by where that is known (prediction-powered
    inference, arXiv:2301.09633, the estimator of a mean with a normal interval); the spread is that
    of whole clusters.
    """
    said, known = np.asarray(judged, dtype=float), np.array([g is not None for g in gold])
    wrong = np.array([g for g in gold if g is not None], dtype=float) - said[known]
    value = float(said[~known].mean() + wrong.mean())
    pull = np.zeros(len(said))
    pull[~known] = (said[~known] - said[~known].mean()) / (~known).sum()
    pull[known] = (wrong - wrong.mean()) / known.sum()
    places = {cluster: place for place, cluster in enumerate(dict.fromkeys(clusters))}
    together = np.bincount([places[cluster] for cluster in clusters], weights=pull)
    spread = (together**2).sum() * len(places) / max(1, len(places) - 1)
    half = NormalDist().inv_cdf((1 + _LEVEL) / 2) * float(np.sqrt(spread))
    low, value, high = (float(np.clip(x, *bounds)) for x in (value - half, value, value + half))
    return Estimate(value, low, high)
