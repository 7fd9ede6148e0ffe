"""Another judge over stored answers: what it changes.

Another rubric, prompt or model is asked about what a run's judge was asked about, and nothing else
is asked. Selections are compared as a recipe would make them: the half that is graded best, or who
wins each pair.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.audit import agreement
from pipelines.audit.ask_again import Judge
from pipelines.audit.bias import correlation
from pipelines.audit.figures import ac1, figure, mean, side
from pipelines.audit.intervals import by_cluster
from pipelines.audit.verdicts.judges import is_pair, verdict_sql
from pipelines.store.audited import Figure
from pipelines.store.query.catalog import query, quoted
from stages.errors import UserError

_MOST = 1_000_000_000
Said = Sequence[tuple[float, float]]
"""By row, what the old judge said and what the new one says."""


def rejudge(judge: Judge, changes: Mapping[str, Any]) -> tuple[str, list[Figure]]:
    """The id of the new judge's run, in the store's `audits`, and what is different by it.

    Raises:
        UserError: the judge cannot be asked with these settings, or none of its rows had a verdict.
        RunError: it broke off; what was answered is kept, and the same call goes on.
    """
    column = "preference" if is_pair(judge.step) else "score"
    if "drop" in (judge.settings.get("on_tie"), changes.get("on_tie")):
        cause = f"{judge.step.name} drops ties: what is left is no fair comparison"
        raise UserError(cause, "Run the recipe, and `rejudge`, with `on_tie: keep`.")
    rows = judge.rows(_MOST)
    if not rows:
        raise UserError(f"{judge.step.name} has judged no rows", "`bowerbird status` says why.")
    run = judge.ask(rows, f"{judge.run.recipe[:50]}-rejudged", changes)
    name = quoted(run.steps[-1].name)
    said = verdict_sql(lambda own: own, column)
    after = query(judge.store.audits, run, f"SELECT of AS id, {said} AS said FROM {name}")
    said = verdict_sql(judge.step.called, column)
    old_name = quoted(judge.step.name)
    before = query(judge.store, judge.run, f"SELECT id, {said} AS said FROM {old_name}")
    old = {row["id"]: row["said"] for row in before.to_pylist() if row["said"] is not None}
    new = {row["id"]: row["said"] for row in after.to_pylist() if row["said"] is not None}
    both = sorted(old.keys() & new.keys())
    if not both:
        raise UserError("no row has a verdict of both judges", "`rejected` in `audits` says why.")
    clusters = {row["id"]: row.get("instruction") or row["id"] for row in rows}
    pairs = [(old[row], new[row]) for row in both]
    clustered = [clusters[row] for row in both]
    return run.id, list(_compared(judge.step.name, column, pairs, clustered))


def _compared(
    judge: str, column: str, said: list[tuple[float, float]], clusters: list[str]
) -> Iterator[Figure]:

    def told(name: str, measure: Callable[[Said], float], about: str) -> Iterator[Figure]:
        return figure(judge, name, by_cluster(said, clusters, measure), len(said), about)

    changes = [new - old for old, new in said]
    about = "the new judge's less the old one's, on average"
    yield from mean(judge, f"change of {column}", changes, clusters, about)
    yield from told(
        "rank correlation", lambda some: correlation(*zip(*some, strict=True)), "Spearman's"
    )
    if column == "preference":
        sides = [[side(old), side(new)] for old, new in said]
        same = [float(old == new) for old, new in sides]
        yield from mean(judge, "agreement", same, clusters, "of who wins", (0.0, 1.0))
        kappa = by_cluster(sides, clusters, agreement.cohen_kappa)
        yield from figure(judge, "Cohen's kappa", kappa, len(sides), "of who wins")
        yield from ac1(judge, "AC1", sides, clusters)
        return
    yield from told(
        "Krippendorff's alpha",
        lambda some: agreement.krippendorff_alpha([list(pair) for pair in some], "interval"),
        "of grades as numbers",
    )
    yield from told("selection kept", _kept, "of the half that the old judge graded best")


def _kept(said: Said) -> float:
    half = max(1, len(said) // 2)
    old, new = (set(_best([pair[which] for pair in said])[:half]) for which in (0, 1))
    return len(old & new) / half


def _best(scores: Sequence[float]) -> list[int]:
    """Places by score, the highest first; of equal ones the first."""
    return sorted(range(len(scores)), key=lambda place: -scores[place])
