"""The figures of a judge of pairs."""

from collections.abc import Iterator, Sequence

from scipy.stats import kendalltau

from pipelines.audit import bias
from pipelines.audit.bias import Game
from pipelines.audit.factors import FACTORS
from pipelines.audit.figures import agreements, figure, mean, side
from pipelines.audit.intervals import Estimate, prediction_powered
from pipelines.audit.verdicts.pairs import GOLD_PAIRS, PairRow
from pipelines.store.audited import Figure

_NAN = float("nan")
_FEW = 2
"""Of fewer rows nothing is corrected by labels."""


def of_pairs(judge: str, rows: Sequence[PairRow], panel: Sequence[str]) -> Iterator[Figure]:
    """Position, length, markdown and self-preference; agreement within a panel and with gold.

    `panel`: what the recipe calls the judge's engines.
    """
    if not rows:
        return
    clusters, count = [row.cluster for row in rows], len(rows)
    games = [game for row in rows for game in row.games]
    known = [row for row in rows if row.gold is not None]
    told = "how much more often than half the answer shown first is preferred"
    yield from figure(judge, "position bias", bias.position(games), count, told)
    for number, name in enumerate(panel if len(panel) > 1 else ()):
        # Each judge of a panel is asked in both orders.
        its = [game for row in rows for game in row.games[2 * number : 2 * number + 2]]
        told = "the same, of one judge"
        yield from figure(judge, f"position bias, {name}", bias.position(its), count, told)
    sure = [2 * abs(row.preference - 0.5) for row in rows]
    told = "how far the preference is from undecided on average, 0 to 1"
    yield from mean(judge, "decisiveness", sure, clusters, told, (0.0, 1.0))
    verdicts = [float(row.verdict == "inconsistent") for row in rows]
    told = "pairs whose orders disagree"
    yield from mean(judge, "inconsistent", verdicts, clusters, told, (0.0, 1.0))
    for name, estimate in bias.leanings(games).items():
        told_rows = sum(any(map(bias.SIDES[name], row.games)) for row in rows)
        yield from figure(judge, name, estimate, told_rows, _LEANS[name])
    if known:
        yield from _beyond_gold(judge, known)
    yield from _style(judge, rows)
    sides = [row.sides for row in rows if row.sides]
    if len(panel) > 1 and len(sides) == count:
        yield from agreements(judge, "panel", sides, clusters)
    if known:
        yield from _with_gold(judge, known, rows)


_LEANS = {
    "length bias": "how much more often than half the longer answer is preferred",
    "markdown bias": "how much more often than half the answer with more markdown is preferred",
    "self-preference": "how much more often than half its own model's answer is preferred",
}


def _beyond_gold(judge: str, known: Sequence[PairRow]) -> Iterator[Figure]:
    about = "how much more often than people it decides for that side, in whole verdicts"
    pairs = [_together(row) for row in known]
    for name, estimate in bias.beyond_gold(pairs).items():
        told_rows = sum(map(bool, map(bias.SIDES[name], pairs)))
        yield from figure(judge, f"{name} beyond gold", estimate, told_rows, about)
    for name in FACTORS:
        differences = [row.differences[name] for row in known]
        # Both in whole verdicts: tau-b of three labels cannot be as large as that of probabilities.
        for who, said in (
            ("judge", [side(row.decided) for row in known]),
            ("people", [side(float(row.gold or 0.0)) for row in known]),
        ):
            order = [GOLD_PAIRS[label] for label in said]
            tau = kendalltau(differences, order).statistic if len(set(differences)) > 1 else _NAN
            told = f"Kendall's tau of the difference in {name} with who is preferred"
            what = Estimate(float(tau), _NAN, _NAN)
            yield from figure(judge, f"weight of {name}, {who}", what, len(known), told)


def _together(row: PairRow) -> Game:
    """The pair as one game, `chosen` first, with what all calls say together."""
    game, first = row.games[0], row.chosen_first[0]
    length, marks = (
        (game.length, game.markdown) if first else (game.length[::-1], game.markdown[::-1])
    )
    # Of a panel no model is the judge's own.
    own = (game.own if first else -game.own) if len(set(row.models)) == 1 else 0
    return Game(game.cluster, row.decided, length, marks, own, row.gold)


def _style(judge: str, rows: Sequence[PairRow]) -> Iterator[Figure]:
    games = [game for row in rows for game in row.games]
    firsts = [first for row in rows for first in row.chosen_first]
    if len(games) < 10:
        return

    wins, clusters = [row.preference for row in rows], [row.cluster for row in rows]
    told = "the mean preference"
    yield from mean(judge, "win rate of chosen", wins, clusters, told, (0.0, 1.0))
    same = Estimate(bias.style_controlled(games, firsts), _NAN, _NAN)
    told = "the same, were both answers equal in length and markdown"
    yield from figure(judge, "win rate at equal style", same, len(rows), told)


def _with_gold(judge: str, known: Sequence[PairRow], rows: Sequence[PairRow]) -> Iterator[Figure]:
    labels = [[side(row.decided), side(float(row.gold or 0.0))] for row in known]
    clusters = [row.cluster for row in known]
    yield from agreements(judge, "gold", labels, clusters)
    decided = [
        (float(ours == theirs), cluster)
        for (ours, theirs), cluster in zip(labels, clusters, strict=True)
        if "tie" not in (ours, theirs)
    ]
    same, of = [each for each, _ in decided], [cluster for _, cluster in decided]
    told = "pairs for which both prefer the same, of those without a tie"
    yield from mean(judge, "gold agreement without ties", same, of, told, (0.0, 1.0))
    rest = len(rows) - len(known)
    if rest >= _FEW and len(known) >= _FEW:
        powered = prediction_powered(
            [row.preference for row in rows],
            [row.gold for row in rows],
            [row.cluster for row in rows],
            (0.0, 1.0),
        )
        told = "how often people would prefer `chosen`, from all of the judge's verdicts"
        yield from figure(judge, "gold win rate, prediction-powered", powered, len(rows), told)
