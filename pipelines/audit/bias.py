"""What sways a judge beside the quality of answers.

Of a pair judge each game is a `Game`: which answer was shown first, what the judge thought of it,
and how the two answers differ. A bias of b means: the judge prefers what it leans to with
probability 0.5 + b where nothing else speaks for it.
"""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression

from pipelines.audit.intervals import Estimate, mean_by_cluster

_MARKDOWN = (
    re.compile(r"^#{1,6}\s", re.MULTILINE),
    re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}\.)[ \t]", re.MULTILINE),
    re.compile(r"\*\*[^*\n]+\*\*|(?<![\w.])__[^_\n]+__(?![\w(])"),
)
"""Headings, list items, bold text: what Arena-Hard's style control counts (arXiv:2406.11939)."""
_CODE = re.compile(r"```[^`]*```")


@dataclass(frozen=True, slots=True)
class Game:
    """One call of a pair judge. `first`: the probability that it prefers what was shown first.

    `own`: 1 if that is of the judge's own model and the other is not, -1 the other way round, 0 for
    neither or both. `gold`: what a person prefers, as `first`; None where nobody was asked.
    """

    cluster: Hashable
    first: float
    length: tuple[int, int]
    markdown: tuple[int, int]
    own: int = 0
    gold: float | None = None


def markdown(text: str) -> int:
    """How many headings, list items and bold texts there are outside of fenced code."""
    text = _CODE.sub("", text)
    return sum(len(pattern.findall(text)) for pattern in _MARKDOWN)


def position(games: Sequence[Game]) -> Estimate:
    """How much more often the first answer is preferred: over both orders quality cancels out."""
    leans = [game.first - 0.5 for game in games]
    return mean_by_cluster(leans, [game.cluster for game in games], (-0.5, 0.5))


def leanings(games: Sequence[Game]) -> dict[str, Estimate]:
    """By bias, how much more often what it leans to is preferred."""
    return {name: _leaning(games, of, _lean, 0.5) for name, of in SIDES.items()}


def beyond_gold(pairs: Sequence[Game]) -> dict[str, Estimate]:
    """By bias, how much more often than people the judge decides for that side.

    `pairs`: one game for each, whose `first` is what all calls about it say together, with gold.
    Longer answers may be better: what is left is the judge's own. Whole verdicts count and not
    probabilities, because a judge that is never sure leans little and may still decide by length
    alone.
    """

    def excess(game: Game, side: int) -> float:
        its = _lean(replace(game, first=_decided(game.first)), side)
        return its - _lean(replace(game, first=_decided(game.gold or 0.0)), side)

    return {name: _leaning(pairs, of, excess, 1.0) for name, of in SIDES.items()}


SIDES: Mapping[str, Callable[[Game], int]] = {
    "length bias": lambda game: _larger(game.length),
    "markdown bias": lambda game: _larger(game.markdown),
    "self-preference": lambda game: game.own,
}
"""By bias, which answer of a game it would lean to: 1 the first, -1 the second, 0 none. Of lengths,
and of counts of markdown, that lie less than a twentieth apart it would lean to none."""


def _leaning(
    games: Sequence[Game],
    of: Callable[[Game], int],
    value: Callable[[Game, int], float],
    most: float,
) -> Estimate:
    told = [(game, of(game)) for game in games if of(game)]
    values = [value(game, side) for game, side in told]
    return mean_by_cluster(values, [game.cluster for game, _ in told], (-most, most))


def _lean(game: Game, side: int) -> float:
    return (game.first if side > 0 else 1 - game.first) - 0.5


def _decided(preference: float) -> float:
    return (preference > 0.5) + 0.5 * (preference == 0.5)


def _larger(sizes: tuple[int, int]) -> int:
    first, second = sizes
    return (first > second * 1.05) - (second > first * 1.05)


def style_controlled(games: Sequence[Game], chosen_first: Sequence[bool]) -> float:
    """How often `chosen` would win if the two answers had the same length and markdown.

    After Arena-Hard's style control (arXiv:2406.11939): a logistic regression of the preference on
    the differences of length and markdown, relative to their sums, with all kinds of markdown as
    one. A weak penalty on their weights keeps it finite where style alone decides. Nan where one
    side nearly always has the style, so that the two cannot be told apart.
    """
    wins = [g.first if c else 1 - g.first for g, c in zip(games, chosen_first, strict=True)]
    signs = [1.0 if c else -1.0 for c in chosen_first]
    features = np.array(
        [
            [s * _relative(g.length), s * _relative(g.markdown)]
            for g, s in zip(games, signs, strict=True)
        ]
    )
    # Not centred: nought is equal style.
    scale = np.sqrt((features**2).mean(axis=0))
    features = features / np.where(scale > 0, scale, 1.0)
    if _inseparable(features):
        return float("nan")
    # Soft labels as weights of both outcomes.
    x = np.vstack([features, features])
    y = np.r_[np.ones(len(wins)), np.zeros(len(wins))]
    weights = np.r_[wins, 1 - np.asarray(wins)]
    # Where style takes all of a win rate of 0.8, 20 pairs give 0.503 with this penalty and 0.525
    # with a tenth of C; lbfgs stops early where features are near a constant.
    model = LogisticRegression(C=10.0, solver="newton-cholesky", tol=1e-8).fit(
        x, y, sample_weight=weights
    )
    return float(1 / (1 + np.exp(-model.intercept_[0])))


def _inseparable(features: NDArray[np.float64]) -> bool:
    """Whether features make up a constant: above ten by the variance inflation of the intercept."""
    one = np.ones(len(features))
    weights = np.linalg.lstsq(features, one, rcond=None)[0]
    unexplained = float(((one - features @ weights) ** 2).mean())
    return unexplained < 0.1


def _relative(sizes: tuple[int, int]) -> float:
    first, second = sizes
    return (first - second) / (first + second) if first + second else 0.0


def correlation(scores: Sequence[float], sizes: Sequence[float]) -> float:
    """Spearman's rank correlation; nan where either is constant."""
    if len(set(scores)) < 2 or len(set(sizes)) < 2:
        return float("nan")
    return float(spearmanr(scores, sizes).statistic)
