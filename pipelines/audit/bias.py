"""What sways a judge beside the quality of answers.

Of a pair judge each game is a `Game`: which answer was shown first, what the judge thought of it,
and how the two answers differ. A bias of b means: the judge prefers what it leans to with
probability 0.5 + b where nothing else speaks for it.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression

from pipelines.audit.intervals import Estimate, mean_by_cluster

_MARKDOWN = (
    re.compile(r"^#{1,6}\s", re.MULTILINE),
    re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}\.)[ \t]", re.MULTILINE),
    re.compile(r"\*\*[^*\n]+\*\*|(?<![\w.])__[^_\n]+__(?![\w(])"),
)
"""Headings, list items, bold text: what Arena-Hard's style control counts (arXiv:2406.11939)."""


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
    """How many headings, list items and bold texts there are."""
    return sum(len(pattern.findall(text)) for pattern in _MARKDOWN)


def position(games: Sequence[Game]) -> Estimate:
    """How much more often the first answer is preferred: over both orders quality cancels out."""
    return mean_by_cluster([game.first - 0.5 for game in games], [game.cluster for game in games])


def leanings(games: Sequence[Game]) -> dict[str, Estimate]:
    """By bias, how much more often what it leans to is preferred."""
    return {name: _leaning(games, sides, _lean) for name, sides in _sides(games).items()}


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

    return {name: _leaning(pairs, sides, excess) for name, sides in _sides(pairs).items()}


def _sides(games: Sequence[Game]) -> dict[str, list[int]]:
    """By bias, which answer of each game it would lean to: 1 the first, -1 the second, 0 none.

    Of lengths that lie less than a twentieth apart it would lean to none.
    """
    return {
        "length bias": [_larger(game.length) for game in games],
        "markdown bias": [_larger(game.markdown) for game in games],
        "self-preference": [game.own for game in games],
    }


def _leaning(
    games: Sequence[Game], sides: Sequence[int], value: Callable[[Game, int], float]
) -> Estimate:
    told = [(game, side) for game, side in zip(games, sides, strict=True) if side]
    return mean_by_cluster([value(g, side) for g, side in told], [g.cluster for g, _ in told])


def _lean(game: Game, side: int) -> float:
    return (game.first if side > 0 else 1 - game.first) - 0.5


def _decided(preference: float) -> float:
    return (preference > 0.5) + 0.5 * (preference == 0.5)


def _larger(sizes: tuple[int, int]) -> int:
    first, second = sizes
    return (first > second * 1.05) - (second > first * 1.05)


def style_controlled(games: Sequence[Game], chosen_first: Sequence[bool]) -> float:
    """How often `chosen` would win if the two answers had the same length and markdown.

    Arena-Hard's style control (arXiv:2406.11939): a logistic regression of the preference on the
    differences of length and markdown, relative to their sums and standardised. A weak penalty on
    their weights keeps it finite where style alone decides.
    """
    wins = [g.first if c else 1 - g.first for g, c in zip(games, chosen_first, strict=True)]
    signs = [1.0 if c else -1.0 for c in chosen_first]
    features = np.array(
        [
            [s * _relative(g.length), s * _relative(g.markdown)]
            for g, s in zip(games, signs, strict=True)
        ]
    )
    scale = features.std(axis=0)
    features = features / np.where(scale > 0, scale, 1.0)
    # Soft labels as weights of both outcomes.
    x = np.vstack([features, features])
    y = np.r_[np.ones(len(wins)), np.zeros(len(wins))]
    weights = np.r_[wins, 1 - np.asarray(wins)]
    model = LogisticRegression(C=1.0, max_iter=1000).fit(x, y, sample_weight=weights)
    return float(1 / (1 + np.exp(-model.intercept_[0])))


def _relative(sizes: tuple[int, int]) -> float:
    first, second = sizes
    return (first - second) / (first + second) if first + second else 0.0


def correlation(scores: Sequence[float], sizes: Sequence[float]) -> float:
    """Spearman's rank correlation; nan where either is constant."""
    if len(set(scores)) < 2 or len(set(sizes)) < 2:
        return float("nan")
    return float(spearmanr(scores, sizes).statistic)
