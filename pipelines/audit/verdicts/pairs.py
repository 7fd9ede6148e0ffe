"""What a judge of pairs said, as games, with the pairs that it dropped as ties."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from pipelines.audit.bias import Game, markdown
from pipelines.audit.factors import FACTORS, Factor
from pipelines.audit.figures import side
from pipelines.audit.verdicts import judges
from pipelines.audit.verdicts.judges import Labels, check_labels, model_of, read
from pipelines.store.query.catalog import query, quoted, quoted_text
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import UserError

_SIDES = ("chosen", "rejected")
_CODE = "a code"
"""In place of the word for a tie where judges write letters that were drawn for each row."""
GOLD_PAIRS = {"chosen": 1.0, "rejected": 0.0, "tie": 0.5}
"""What a gold label of a pair says: how far `chosen` is preferred."""


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
    sides: Sequence[str]
    """What each judge says: chosen, rejected or tie; empty where that was not kept."""
    differences: Mapping[str, float]
    gold: float | None

    @property
    def decided(self) -> float:
        """The preference, and 0.5 where all calls say tie, whatever is left of belief."""
        return 0.5 if self.verdict == "tie" else self.preference


def pairs(store: Store, run: Run, step: RunStep, labels: Labels) -> list[PairRow]:
    """The pairs of a judge of pairs that have a verdict, those that it dropped as ties included.

    Raises:
        UserError: a gold label is none.
    """
    names = ("instruction", *_SIDES, "preference", "preference_verdict", "preference_by")
    rows = read(store, run, step, (*names, "preference_calls"), labels, _SIDES)
    # Replies name the model in their own words: those of dropped pairs are not kept.
    calls: Sequence[Mapping[str, Any]] = next(
        (row["preference_calls"] for row in rows if row["preference_calls"]), ()
    )
    models = [call["model"] for call in calls[::2]] or [
        model.get("model", "") for model in step.models
    ]
    rows = sorted(rows + _dropped_ties(store, run, step, labels, models), key=lambda row: row["id"])
    rows = [row for n, row in enumerate(rows) if n < judges.MOST or labels.of(row) is not None]
    check_labels(rows, step, labels)
    settings = step.facts.get("settings", {})
    tie = {"tie": "0", "five": "3"}.get(settings.get("choices", ""), "")
    if tie and settings.get("coded"):
        tie = _CODE
    return [_pair(row, labels, tie) for row in rows if row["preference"] is not None]


def compared(store: Store, run: Run, step: RunStep) -> list[dict[str, Any]]:
    """The pairs that a judge of pairs compared, those that it dropped as ties included, by id.

    Each has `id`, `instruction`, `chosen` and `rejected`.
    """
    names = ("instruction", *_SIDES)
    selected = ", ".join(f"{quoted(step.called(name))} AS {quoted(name)}" for name in names)
    judged = f"{quoted(step.called('preference'))} IS NOT NULL"
    sql = f"SELECT id, {selected} FROM {quoted(step.name)} WHERE {judged}"
    kept = query(store, run, sql).to_pylist()
    ties = _dropped_ties(store, run, step, Labels(), [""] * len(step.asks))
    both = [*kept, *({name: row[name] for name in ("id", *names)} for row in ties)]
    return sorted(both, key=lambda row: str(row["id"]))


def _dropped_ties(
    store: Store, run: Run, step: RunStep, labels: Labels, models: Sequence[str]
) -> list[dict[str, Any]]:
    """Pairs of `on_tie: drop`: what each call said is in their detail, in the order of calls."""
    sql = f"""SELECT id, reason, detail, "row" FROM rejected
        WHERE stage = {quoted_text(step.name)} AND reason IN ('judge.tie', 'judge.inconsistent')"""
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
                **{f"{side}_model": given.get(model_of(step, side)) for side in _SIDES},
                "preference": fmean(by_judge),
                "preference_by": by_judge,
                "preference_verdict": row["reason"].removeprefix("judge."),
                "preference_calls": calls,
                "gold": given.get(labels.column),
            }
        )
    return found


def _pair(row: Mapping[str, Any], labels: Labels, tie: str) -> PairRow:
    """`tie`: the word for it; "" where the judge has none, and `_CODE` where replies hide it."""
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
        sides=_sides(row, tie),
        differences={name: _difference(of, row) for name, of in FACTORS.items()},
        gold=gold,
    )


def _sides(row: Mapping[str, Any], tie: str) -> list[str]:
    """What each judge of a panel says: tie where both of its calls do, else by its preference.

    Empty where that is not known: of a pair that was dropped, or of codes, by beliefs alone.
    """
    calls, preferences = row["preference_calls"], row["preference_by"]
    if row["preference_verdict"] == "tie":
        return ["tie"] * len(preferences)
    by_belief = [call.get("by", "logprobs") == "logprobs" for call in calls]
    if tie and any(by_belief) and (tie == _CODE or "reply" not in calls[0]):
        return []

    def says_tie(call: Mapping[str, Any]) -> bool:
        # A word that is written counts 0.5 already.
        said = call.get("by") == "logprobs" and call["reply"].strip() == tie
        return call["first"] == 0.5 or bool(tie and said)

    return [
        "tie" if all(map(says_tie, calls[2 * n : 2 * n + 2])) else side(preference)
        for n, preference in enumerate(preferences)
    ]


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
