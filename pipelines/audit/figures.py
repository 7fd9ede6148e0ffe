"""How the figures of all judges are made."""

from collections.abc import Iterator, Sequence
from math import inf, isnan

from pipelines.audit import agreement
from pipelines.audit.intervals import Estimate, by_cluster, mean_by_cluster
from pipelines.store.audited import Figure


def figure(judge: str, name: str, estimate: Estimate, rows: int, about: str) -> Iterator[Figure]:
    """The figure; none where it is not defined for these rows."""
    if not isnan(estimate.value):
        bounds = [None if isnan(b) else b for b in (estimate.low, estimate.high)]
        yield Figure(judge, name, estimate.value, bounds[0], bounds[1], rows, about)


def mean(
    judge: str,
    name: str,
    values: Sequence[float],
    clusters: Sequence[str],
    about: str,
    bounds: tuple[float, float] = (-inf, inf),
) -> Iterator[Figure]:
    """The mean of `values`, with its interval over clusters."""
    return figure(judge, name, mean_by_cluster(values, clusters, bounds), len(values), about)


def agreements(
    judge: str, name: str, labels: Sequence[Sequence[str]], clusters: Sequence[str]
) -> Iterator[Figure]:
    """How far raters agree, by each coefficient; `name` comes before the coefficient's."""
    same = [agreement.raw([unit]) for unit in labels]
    told = "the share that is the same"
    yield from mean(judge, f"{name} agreement", same, clusters, told, (0.0, 1.0))
    two = len(labels[0]) == 2
    for label, measure in (
        *([("Cohen's kappa", agreement.cohen_kappa)] if two else []),
        ("Fleiss' kappa", agreement.fleiss_kappa),
        ("Krippendorff's alpha", agreement.krippendorff_alpha),
    ):
        estimate = by_cluster(labels, clusters, measure)
        yield from figure(judge, f"{name} {label}", estimate, len(labels), _ABOUT[label])
    yield from ac1(judge, f"{name} AC1", labels, clusters)


def ac1(
    judge: str, name: str, labels: Sequence[Sequence[str]], clusters: Sequence[str]
) -> Iterator[Figure]:
    """Gwet's AC1 of the units in which nobody says tie.

    Its chance goes by how many labels there are. Were a tie, which is rare or never said, one of
    three, two coins would agree by 0.34 beyond chance; were it one only where it is said, the first
    tie would change the figure by as much.
    """
    told = [pair for pair in zip(labels, clusters, strict=True) if "tie" not in pair[0]]
    decided = [unit for unit, _ in told]
    estimate = by_cluster(decided, [cluster for _, cluster in told], agreement.gwet_ac1)
    yield from figure(judge, name, estimate, len(decided), _ABOUT["AC1"])


_ABOUT = {
    "Cohen's kappa": "beyond chance, by each rater's own shares",
    "Fleiss' kappa": "beyond chance, by the shares of all",
    "Krippendorff's alpha": "1 less observed over expected disagreement",
    "AC1": "beyond chance, of those without a tie; steady where one label is far more frequent",
}


def side(preference: float) -> str:
    """Whom a preference makes win."""
    return "chosen" if preference > 0.5 else "rejected" if preference < 0.5 else "tie"
