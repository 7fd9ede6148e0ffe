"""What a judge of single answers said."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.audit.verdicts.judges import Labels, adds, check_labels, judged, read
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import UserError
from stages.shared.conversation import turn_lines
from stages.shared.numbers import is_score


@dataclass(frozen=True, slots=True)
class GradeRow:
    """A grade. `answer` is what was graded, None of a request; `model`: the judge that replied."""

    id: str
    cluster: str
    score: float
    answer: str | None
    model: str
    answered_by: str
    gold: float | None


def grades(store: Store, run: Run, step: RunStep, labels: Labels) -> list[GradeRow]:
    """The answers of a judge of single answers that have a score, by id.

    Raises:
        UserError: a gold label is no number.
    """
    kept = next(name for name in _MODELS if adds(run, step, name) or name == "score_calls")
    text = judged(step)
    names = ("instruction", *([text] if text else []), "score", kept)
    rows = read(store, run, step, names, labels, ("response",))
    check_labels(rows, step, labels)
    known = [row for row in rows if row["score"] is not None]
    return [
        GradeRow(
            id=row["id"],
            cluster=row["instruction"] or row["id"],
            score=row["score"],
            answer=_text(row[text]) if text else None,
            model=_MODELS[kept](row[kept]) or "",
            answered_by=row["response_model"] or "",
            gold=_number(labels.of(row), row["id"]),
        )
        for row in known
    ]


def _text(judged: Any) -> str:
    return judged or "" if isinstance(judged, str | None) else "\n\n".join(turn_lines(judged))


_MODELS: Mapping[str, Callable[[Any], str | None]] = {
    "score_model": lambda model: model,
    "checks_calls": lambda calls: calls[0]["model"] if calls else "",
    "score_calls": lambda calls: calls[0]["model"] if calls else "",
}
"""By the column in which a judge keeps it, the model that replied: pairs name models so, too."""


def _number(label: str | float | None, row: str) -> float | None:
    if label is None:
        return None
    if not isinstance(label, bool) and is_score(label):
        return float(label)
    cause = f"the gold label of row {row} is {json.dumps(label)[:60]}"
    raise UserError(cause, "A grade's is a number.")
