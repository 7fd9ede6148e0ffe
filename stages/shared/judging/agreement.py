"""How far several rankings of the same things agree."""

from collections.abc import Sequence


def kendall_w(ranks: Sequence[Sequence[float]]) -> float:
    """Kendall's coefficient of concordance, 0 to 1: 12 S / (m^2 (n^3 - n) - m sum(t^3 - t)).

    `ranks`: m rankings of the same n things; things of equal rank share the mean of their places.
    With n = 1, or where every ranking ties all, there is nothing to agree on: 1.
    """
    raters, things = len(ranks), len(ranks[0])
    sums = [sum(column) for column in zip(*ranks, strict=True)]
    mean = sum(sums) / things
    spread = sum((each - mean) ** 2 for each in sums)
    ties = sum(n**3 - n for ranking in ranks for n in map(ranking.count, set(ranking)))
    most = raters**2 * (things**3 - things) - raters * ties
    return 12 * spread / most if most else 1.0
