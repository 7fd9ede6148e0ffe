"""The figures of judges of single answers: of each, and of two that judged the same answers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf
from statistics import fmean, pstdev

from pipelines.audit import agreement, bias
from pipelines.audit.figures import figure, mean
from pipelines.audit.intervals import Estimate, by_cluster, prediction_powered
from pipelines.audit.verdicts.grades import GradeRow
from pipelines.store.audited import Figure

_NAN = float("nan")
_FEW = 2
"""Of fewer rows nothing is told by labels, or by a second judge."""


@dataclass(frozen=True, slots=True)
class Grader:
    """A judge of single answers. `scale`: the grades that it can give, from the lowest."""

    name: str
    scale: Sequence[float]
    rows: Sequence[GradeRow]


def of_grades(grader: Grader) -> Iterator[Figure]:
    """How scores are spread, what they go with, and how they agree with gold."""
    judge, rows = grader.name, grader.rows
    if not rows:
        return
    scores, clusters = [row.score for row in rows], [row.cluster for row in rows]
    low, high = grader.scale[0], grader.scale[-1]
    # A stage of somebody's own may have a scale that is not known here.
    ends = (low, high) if low <= min(scores) and max(scores) <= high else (-inf, inf)
    yield from mean(judge, "mean score", scores, clusters, "of all rows", ends)
    spread = Estimate(pstdev(scores), _NAN, _NAN)
    yield from figure(judge, "spread of scores", spread, len(rows), "their standard deviation")
    places = 1 if max(scores) <= 1 else 0  # a share has no whole grades
    rounded = Counter(round(score, places) for score in scores)
    most = Estimate(rounded.most_common(1)[0][1] / len(scores), _NAN, _NAN)
    told = f"rows with the most frequent grade, {rounded.most_common(1)[0][0]:g}"
    yield from figure(judge, "most frequent grade", most, len(rows), told)
    for name, size in (("length", len), ("markdown", bias.markdown)):
        sized = [(row.score, size(row.answer)) for row in rows if row.answer is not None]
        if not sized:
            continue  # it judges requests
        estimate = by_cluster(
            sized, clusters, lambda some: bias.correlation(*zip(*some, strict=True))
        )
        told = f"rank correlation of score and {name}"
        yield from figure(judge, f"score with {name}", estimate, len(rows), told)
    yield from _own(judge, rows)
    known = [row for row in rows if row.gold is not None]
    if len(known) >= _FEW:
        yield from _grades_with_gold(judge, known, rows)


def _own(judge: str, rows: Sequence[GradeRow]) -> Iterator[Figure]:
    own = [row.score for row in rows if row.answered_by and row.answered_by == row.model]
    other = [row.score for row in rows if row.answered_by and row.answered_by != row.model]
    if own and other:
        what = Estimate(fmean(own) - fmean(other), _NAN, _NAN)
        told = "mean score of its own model's answers less that of others'"
        yield from figure(judge, "self-preference", what, len(own) + len(other), told)


def _grades_with_gold(
    judge: str, known: Sequence[GradeRow], rows: Sequence[GradeRow]
) -> Iterator[Figure]:
    clusters = [row.cluster for row in known]

    def ranked(some: Sequence[GradeRow]) -> float:
        return bias.correlation([r.score for r in some], [float(r.gold or 0.0) for r in some])

    def alpha(some: Sequence[GradeRow]) -> float:
        return agreement.krippendorff_alpha([[r.score, r.gold] for r in some], "interval")

    for name, measure, told in (
        ("gold rank correlation", ranked, "Spearman's"),
        ("gold Krippendorff's alpha", alpha, "of grades as numbers"),
    ):
        yield from figure(judge, name, by_cluster(known, clusters, measure), len(known), told)
    if len(rows) - len(known) >= _FEW:
        powered = prediction_powered(
            [row.score for row in rows], [row.gold for row in rows], [row.cluster for row in rows]
        )
        told = "the mean that people would give, from all of the judge's grades"
        yield from figure(judge, "gold mean, prediction-powered", powered, len(rows), told)


def between(judges: Sequence[Grader]) -> Iterator[Figure]:
    """How judges of the same answers agree, two at a time; grades as numbers on one scale alone."""
    for first, second in combinations(judges, 2):
        other = {(row.id, row.cluster, row.answer): row.score for row in second.rows}
        both = [
            (row.score, other[row.id, row.cluster, row.answer], row.cluster)
            for row in first.rows
            if (row.id, row.cluster, row.answer) in other
        ]
        if len(both) < _FEW:
            continue
        scores = [[a, b] for a, b, _ in both]
        clusters = [cluster for _, _, cluster in both]
        name = f"{first.name} and {second.name}"
        ranked = by_cluster(
            scores, clusters, lambda some: bias.correlation(*zip(*some, strict=True))
        )
        yield from figure(name, "rank correlation", ranked, len(both), "Spearman's")
        if first.scale != second.scale:
            continue
        alpha = by_cluster(
            scores, clusters, lambda some: agreement.krippendorff_alpha(some, "interval")
        )
        told = "of grades as numbers"
        yield from figure(name, "Krippendorff's alpha", alpha, len(both), told)
