"""The figures of an audit: of a judge of pairs, of a judge of single answers, of several judges."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from statistics import fmean, pstdev
from typing import Any

from scipy.stats import kendalltau

from pipelines.audit import agreement, bias
from pipelines.audit.bias import Game
from pipelines.audit.intervals import Estimate, by_cluster, prediction_powered
from pipelines.audit.judged import GradeRow, PairRow

_NAN = float("nan")
_FEW = 2
"""Of fewer rows no interval is given."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`low` and `high`: a 95% interval, None where there is none. `rows`: what it is made of."""

    judge: str
    name: str
    value: float
    low: float | None
    high: float | None
    rows: int
    about: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def figure(judge: str, name: str, estimate: Estimate, rows: int, about: str) -> Iterator[Figure]:
    """The figure; none where it is not defined for these rows."""
    if not isnan(estimate.value):
        bounds = [None if isnan(b) else b for b in (estimate.low, estimate.high)]
        yield Figure(judge, name, estimate.value, bounds[0], bounds[1], rows, about)


def of_pairs(judge: str, rows: Sequence[PairRow], panel: Sequence[str]) -> Iterator[Figure]:
    """Position, length, markdown and self-preference; agreement within a panel and with gold.

    `panel`: what the recipe calls the judge's engines.
    """
    if not rows:
        return
    games = [game for row in rows for game in row.games]
    clusters = [game.cluster for game in games]

    def estimate(measure: Callable[[Sequence[Game]], float]) -> Estimate:
        return by_cluster(games, clusters, measure)

    known = [row for row in rows if row.gold is not None]
    count = len(rows)
    yield from figure(
        judge, "position bias", estimate(bias.position), count,
        "how much more often than half the answer shown first is preferred",
    )  # fmt: skip
    for number, name in enumerate(panel if len(panel) > 1 else ()):
        # Each judge of a panel is asked in both orders.
        its = [game for row in rows for game in row.games[2 * number : 2 * number + 2]]
        own = by_cluster(its, [game.cluster for game in its], bias.position)
        yield from figure(judge, f"position bias, {name}", own, count, "the same, of one judge")
    sure = [2 * abs(row.preference - 0.5) for row in rows]
    told = "how far the preference is from undecided on average, 0 to 1"
    yield from _mean(judge, "decisiveness", sure, rows, told)
    verdicts = [float(row.verdict == "inconsistent") for row in rows]
    yield from _mean(judge, "inconsistent", verdicts, rows, "pairs whose orders disagree")
    for name, measure, about in (
        ("length bias", bias.longer, "the longer answer"),
        ("markdown bias", bias.more_markdown, "the answer with more markdown"),
        ("self-preference", bias.own_answers, "the answer of the judge's own model"),
    ):
        told = f"how much more often than half {about} is preferred"
        yield from figure(judge, name, estimate(measure), count, told)
    if known:
        yield from _beyond_gold(judge, known)
    yield from _style(judge, rows)
    if len(panel) > 1:
        sides = [[side(p) for p in row.by_judge] for row in rows]
        yield from _agreement(judge, "panel", sides, [row.cluster for row in rows])
    if known:
        yield from _with_gold(judge, known, rows)


def _beyond_gold(judge: str, known: Sequence[PairRow]) -> Iterator[Figure]:
    games = [_together(row) for row in known]
    for name in ("length", "markdown", "self-preference"):

        def excess(some: Sequence[Game], name: str = name) -> float:
            return bias.beyond_gold(some, bias.sides(some)[name])

        estimate = by_cluster(games, [game.cluster for game in games], excess)
        about = "how much more often than people it decides for that side, in whole verdicts"
        label = name if name == "self-preference" else f"{name} bias"
        yield from figure(judge, f"{label} beyond gold", estimate, len(known), about)
    for name, which in (("length", 0), ("markdown", 1)):
        differences = [_difference(row, which) for row in known]
        for who, said in (
            ("judge", [row.preference for row in known]),
            ("people", [float(row.gold or 0.0) for row in known]),
        ):
            tau = kendalltau(differences, said).statistic if len(set(differences)) > 1 else _NAN
            told = f"Kendall's tau of the difference in {name} with the preference"
            what = Estimate(float(tau), _NAN, _NAN)
            yield from figure(judge, f"weight of {name}, {who}", what, len(known), told)


def _together(row: PairRow) -> Game:
    """The pair as one game, `chosen` first, with what all calls say together."""
    game, first = row.games[0], row.chosen_first[0]
    length, marks = (
        (game.length, game.markdown) if first else (game.length[::-1], game.markdown[::-1])
    )
    own = game.own if first else -game.own
    return Game(game.cluster, row.preference, length, marks, own, row.gold)


def _difference(row: PairRow, which: int) -> int:
    """Chosen less rejected, in characters or marks."""
    game, first = row.games[0], row.chosen_first[0]
    sizes = (game.length, game.markdown)[which]
    return sizes[0] - sizes[1] if first else sizes[1] - sizes[0]


def _style(judge: str, rows: Sequence[PairRow]) -> Iterator[Figure]:
    games = [game for row in rows for game in row.games]
    firsts = [first for row in rows for first in row.chosen_first]
    if len(games) < 10:
        return

    def controlled(some: Sequence[tuple[Game, bool]]) -> float:
        return bias.style_controlled([g for g, _ in some], [c for _, c in some])[1]

    wins = [row.preference for row in rows]
    yield from _mean(judge, "win rate of chosen", wins, rows, "the mean preference")
    both = list(zip(games, firsts, strict=True))
    estimate = by_cluster(both, [game.cluster for game in games], controlled)
    told = "the same, were both answers equal in length and markdown"
    yield from figure(judge, "win rate at equal style", estimate, len(rows), told)


def _with_gold(judge: str, known: Sequence[PairRow], rows: Sequence[PairRow]) -> Iterator[Figure]:
    labels = [[side(row.preference), side(float(row.gold or 0.0))] for row in known]
    clusters = [row.cluster for row in known]
    yield from _agreement(judge, "gold", labels, clusters)
    decided = [
        (pair, cluster) for pair, cluster in zip(labels, clusters, strict=True) if "tie" not in pair
    ]
    pairs = [pair for pair, _ in decided]
    estimate = by_cluster(pairs, [cluster for _, cluster in decided], agreement.raw)
    told = "pairs for which both prefer the same, of those without a tie"
    yield from figure(judge, "gold agreement without ties", estimate, len(pairs), told)
    rest = [row.preference for row in rows if row.gold is None]
    if len(rest) >= _FEW and len(known) >= _FEW:
        powered = prediction_powered(
            rest, [row.preference for row in known], [float(row.gold or 0.0) for row in known]
        )
        told = "how often people would prefer `chosen`, from all of the judge's verdicts"
        yield from figure(judge, "gold win rate, prediction-powered", powered, len(rows), told)


def _agreement(
    judge: str, name: str, labels: Sequence[Sequence[str]], clusters: Sequence[str]
) -> Iterator[Figure]:
    two = len(labels[0]) == 2
    for label, measure in (
        ("agreement", agreement.raw),
        *([("Cohen's kappa", agreement.cohen_kappa)] if two else []),
        ("Fleiss' kappa", agreement.fleiss_kappa),
        ("Krippendorff's alpha", agreement.krippendorff_alpha),
        ("AC1", agreement.gwet_ac1),
    ):
        estimate = by_cluster(labels, clusters, measure)
        yield from figure(judge, f"{name} {label}", estimate, len(labels), _ABOUT[label])


_ABOUT = {
    "agreement": "the share that is the same",
    "Cohen's kappa": "beyond chance, by each rater's own shares",
    "Fleiss' kappa": "beyond chance, by the shares of all",
    "Krippendorff's alpha": "1 less observed over expected disagreement",
    "AC1": "beyond chance, steady where one label is far more frequent",
}


def side(preference: float) -> str:
    """Whom a preference makes win."""
    return "chosen" if preference > 0.5 else "rejected" if preference < 0.5 else "tie"


def of_grades(judge: str, rows: Sequence[GradeRow]) -> Iterator[Figure]:
    """How scores are spread, what they go with, and how they agree with gold."""
    if not rows:
        return
    scores = [row.score for row in rows]
    yield from _mean(judge, "mean score", scores, rows, "")
    spread = Estimate(pstdev(scores), _NAN, _NAN)
    yield from figure(judge, "spread of scores", spread, len(rows), "their standard deviation")
    rounded = Counter(round(score) for score in scores)
    most = Estimate(rounded.most_common(1)[0][1] / len(scores), _NAN, _NAN)
    told = f"rows with the most frequent grade, {rounded.most_common(1)[0][0]}"
    yield from figure(judge, "most frequent grade", most, len(rows), told)
    for name, size in (("length", lambda r: r.length), ("markdown", lambda r: r.markdown)):

        def going_along(some: Sequence[GradeRow], size: Callable[[GradeRow], int] = size) -> float:
            return bias.correlation([r.score for r in some], [size(r) for r in some])

        estimate = by_cluster(rows, [row.cluster for row in rows], going_along)
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
    rest = [row.score for row in rows if row.gold is None]
    if len(rest) >= _FEW:
        gold = [float(row.gold or 0.0) for row in known]
        powered = prediction_powered(rest, [row.score for row in known], gold)
        told = "the mean that people would give, from all of the judge's grades"
        yield from figure(judge, "gold mean, prediction-powered", powered, len(rows), told)


def between(judges: Mapping[str, Sequence[GradeRow]]) -> Iterator[Figure]:
    """How judges of the same answers agree, two at a time."""
    names = list(judges)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            other = {row.id: row.score for row in judges[second]}
            both = [
                (row.score, other[row.id], row.cluster) for row in judges[first] if row.id in other
            ]
            if len(both) < _FEW:
                continue
            scores = [[a, b] for a, b, _ in both]
            clusters = [cluster for _, _, cluster in both]
            name = f"{first} and {second}"
            ranked = by_cluster(
                scores, clusters, lambda some: bias.correlation(*zip(*some, strict=True))
            )
            yield from figure(name, "rank correlation", ranked, len(both), "Spearman's")
            alpha = by_cluster(
                scores, clusters, lambda some: agreement.krippendorff_alpha(some, "interval")
            )
            told = "of grades as numbers"
            yield from figure(name, "Krippendorff's alpha", alpha, len(both), told)


def _mean(
    judge: str, name: str, values: Sequence[float], rows: Sequence[Any], about: str
) -> Iterator[Figure]:
    estimate = by_cluster(values, [row.cluster for row in rows], fmean)
    yield from figure(judge, name, estimate, len(values), about)
