"""What a run's judges said: read from its store, as games and as grades."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from pipelines.audit.bias import Game, markdown
from pipelines.audit.factors import FACTORS, Factor
from pipelines.store.query.catalog import query, quoted, quoted_text
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import UserError
from stages.shared.numbers import is_score

_MOST = 5000
"""Rows of a judge that are audited, a sample of all; with 300 draws a coefficient takes seconds."""
_SIDES = ("chosen", "rejected")
GOLD_PAIRS = {"chosen": 1.0, "rejected": 0.0, "tie": 0.5}
"""What a gold label of a pair says: how far `chosen` is preferred."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Where gold labels are: a column of the rows, or labels of people by the rows' ids."""

    column: str = ""
    by_id: Mapping[str, str | float] | None = None

    def of(self, row: Mapping[str, Any]) -> str | float | None:
        """The row's label; None where it has none."""
        return row["gold"] if self.column else (self.by_id or {}).get(row["id"])


@dataclass(frozen=True, slots=True)
class PairRow:
    """A judged pair. `gold`: how far a person prefers `chosen`, None where nobody was asked."""

    id: str
    cluster: str
    games: Sequence[Game]
    chosen_first: Sequence[bool]
    models: Sequence[str]
    preference: float
    verdict: str
    by_judge: Sequence[float]
    differences: Mapping[str, float]
    gold: float | None


@dataclass(frozen=True, slots=True)
class GradeRow:
    """A graded answer."""

    id: str
    cluster: str
    score: float
    length: int
    markdown: int
    model: str
    answered_by: str
    gold: float | None


def judges(run: Run) -> list[RunStep]:
    """The steps whose verdicts can be audited: pairs compared, answers graded.

    Raises:
        UserError: there is none.
    """
    found = [step for step in run.own if step.is_for == "judge"]
    able = [step for step in found if is_pair(step) or step.called("score") in step.columns]
    if not able:
        remedy = "It takes judge.pair, or a judge that grades; judge.rank has its own agreement."
        raise UserError(f"no stage of the run {run.id} can be audited as a judge", remedy)
    return able


def is_pair(step: RunStep) -> bool:
    """Whether it compares two answers."""
    return step.path == "judge.pair" and step.called("preference_calls") in step.columns


def pairs(store: Store, run: Run, step: RunStep, labels: Labels) -> list[PairRow]:
    """The pairs of a judge of pairs that have a verdict, those that it dropped as ties included.

    Raises:
        UserError: a gold label is none.
    """
    names = ("instruction", *_SIDES, "preference", "preference_verdict", "preference_by")
    rows = _read(
        store, run, step, (*names, "preference_calls"), labels, ("chosen_model", "rejected_model")
    )
    rows += _dropped_ties(store, run, step, labels)
    return [_pair(row, labels) for row in rows if row["preference"] is not None]


def _dropped_ties(store: Store, run: Run, step: RunStep, labels: Labels) -> list[dict[str, Any]]:
    """Pairs of `on_tie: drop`: what each call said is in their detail, in the order of calls."""
    sql = f"""SELECT id, reason, detail, "row" FROM rejected
        WHERE stage = {quoted_text(step.name)} AND reason IN ('judge.tie', 'judge.inconsistent')
        ORDER BY id LIMIT {_MOST}"""
    models = [model.get("model", "") for model in step.models]
    found = []
    for row in query(store, run, sql).to_pylist():
        given, said = json.loads(row["row"]), json.loads(row["detail"])
        calls = [
            {
                "order": "rejected first" if call % 2 else "chosen first",
                "first": 1 - p if call % 2 else p,
                "model": models[call // 2],
            }
            for call, p in enumerate(said)
        ]
        by_judge = [fmean(pair) for pair in zip(said[::2], said[1::2], strict=True)]
        names = ("instruction", *_SIDES)
        found.append(
            {
                "id": row["id"],
                **{name: given.get(step.called(name)) for name in names},
                **{f"{side}_model": given.get(f"{side}_model") for side in _SIDES},
                "preference": fmean(by_judge),
                "preference_by": by_judge,
                "preference_verdict": row["reason"].removeprefix("judge."),
                "preference_calls": calls,
                "gold": given.get(labels.column),
            }
        )
    return found


def grades(store: Store, run: Run, step: RunStep, labels: Labels) -> list[GradeRow]:
    """The answers of a judge of single answers that have a score, by id.

    Raises:
        UserError: a gold label is no number.
    """
    rows = _read(
        store, run, step, ("instruction", "response", "score"), labels, ("response_model",)
    )
    known = [row for row in rows if row["score"] is not None]
    models = {model["model"] for model in step.models if model.get("model")}
    return [
        GradeRow(
            id=row["id"],
            cluster=row["instruction"] or row["id"],
            score=row["score"],
            length=len(row["response"] or ""),
            markdown=markdown(row["response"] or ""),
            model=next(iter(models), ""),
            answered_by=row["response_model"] or "",
            gold=_number(labels.of(row), row["id"]),
        )
        for row in known
    ]


def _read(
    store: Store,
    run: Run,
    step: RunStep,
    names: Sequence[str],
    labels: Labels,
    optional: Sequence[str],
) -> list[dict[str, Any]]:
    selected = ["id"]
    for name in names:
        there = step.called(name) in step.columns
        selected.append(f"{quoted(step.called(name)) if there else 'NULL'} AS {quoted(name)}")
    for name in optional:
        there = name in step.columns
        selected.append(f"{quoted(name) if there else 'NULL'} AS {quoted(name)}")
    if labels.column:
        if labels.column not in step.columns:
            known = ", ".join(step.columns)
            cause = f"{step.name} has no column '{labels.column}' for gold labels"
            raise UserError(cause, f"It has: {known}.")
        selected.append(f"{quoted(labels.column)} AS gold")
    # Ids are hashes: the first by id are a sample. What has a label is never left out.
    view = quoted(step.name)
    labelled = ", ".join(quoted_text(row) for row in labels.by_id or ())
    also = [f"{quoted(labels.column)} IS NOT NULL"] if labels.column else []
    also += [f"id IN ({labelled})"] if labelled else []
    sample = f"id IN (SELECT id FROM {view} ORDER BY id LIMIT {_MOST})"
    where = " OR ".join([sample, *also])
    sql = f"SELECT {', '.join(selected)} FROM {view} WHERE {where} ORDER BY id"
    rows: list[dict[str, Any]] = query(store, run, sql).to_pylist()
    if labels.column and rows and all(row["gold"] is None for row in rows):
        cause = f"the column '{labels.column}' of {step.name} has no gold label in any row"
        raise UserError(cause, "Name another column by --gold, or label rows: `bowerbird label`.")
    return rows


def _pair(row: Mapping[str, Any], labels: Labels) -> PairRow:
    gold = _side(labels.of(row), row["id"])
    calls = row["preference_calls"]
    shown_first = [call["order"].startswith("chosen") for call in calls]
    sizes = {side: (len(row[side] or ""), markdown(row[side] or "")) for side in _SIDES}
    games = []
    for call, chosen_first in zip(calls, shown_first, strict=True):
        first, second = _SIDES if chosen_first else _SIDES[::-1]
        own = [_is(row[f"{side}_model"], call["model"]) for side in (first, second)]
        told = None if gold is None else gold if chosen_first else 1 - gold
        (length, marks), (other, others) = sizes[first], sizes[second]
        games.append(
            Game(row["instruction"] or row["id"], call["first"], (length, other), (marks, others),
                 int(own[0]) - int(own[1]), told)
        )  # fmt: skip
    return PairRow(
        id=row["id"],
        cluster=row["instruction"] or row["id"],
        games=games,
        chosen_first=shown_first,
        models=[call["model"] or "" for call in calls],
        preference=row["preference"],
        verdict=row["preference_verdict"],
        by_judge=row["preference_by"],
        differences={name: _difference(of, row) for name, of in FACTORS.items()},
        gold=gold,
    )


def _difference(factor: Factor, row: Mapping[str, Any]) -> float:
    """Of the chosen answer less the rejected one; 0.4 - 0.2 is 0.6 - 0.4."""
    chosen, rejected = (factor(row["instruction"] or "", row[side] or "") for side in _SIDES)
    return round(chosen - rejected, 9)


def _is(model: str | None, judge: str | None) -> bool:
    return bool(model) and model == judge


def _side(label: str | float | None, row: str) -> float | None:
    """A label of a pair: chosen, rejected, tie, or how far `chosen` is preferred, 0 to 1."""
    if label is None:
        return None
    if isinstance(label, str) and label in GOLD_PAIRS:
        return GOLD_PAIRS[label]
    if isinstance(label, int | float) and not isinstance(label, bool) and 0 <= label <= 1:
        return float(label)
    cause = f"the gold label of row {row} is {json.dumps(label)[:60]}"
    remedy = (
        "A pair's is chosen, rejected or tie, after the judge's columns, or a number from 0 to 1."
    )
    raise UserError(cause, remedy)


def _number(label: str | float | None, row: str) -> float | None:
    if label is None:
        return None
    if not isinstance(label, bool) and is_score(label):
        return float(label)
    cause = f"the gold label of row {row} is {json.dumps(label)[:60]}"
    raise UserError(cause, "A grade's is a number.")
