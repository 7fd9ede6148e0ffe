"""Which judges of a run can be audited, and how their rows are read from its store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.store.query.catalog import query, quoted, quoted_text
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import UserError

MOST = 5000
"""Rows of a judge that are audited, a sample of all; with 300 draws a coefficient takes seconds."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Where gold labels are: a column of the rows, or labels of people by the rows' ids."""

    column: str = ""
    by_id: Mapping[str, str | float] | None = None

    def of(self, row: Mapping[str, Any]) -> str | float | None:
        """The row's label; None where it has none."""
        return row["gold"] if self.column else (self.by_id or {}).get(row["id"])


def judges(run: Run) -> list[RunStep]:
    """The steps whose verdicts can be audited: pairs compared, answers graded.

    Raises:
        UserError: there is none.
    """
    found = [step for step in run.own if step.is_for == "judge"]
    able = [step for step in found if is_pair(step) or adds(run, step, "score")]
    if not able:
        remedy = "It takes judge.pair, or a judge that grades; judge.rank has its own agreement."
        raise UserError(f"no stage of the run {run.id} can be audited as a judge", remedy)
    return able


def is_pair(step: RunStep) -> bool:
    """Whether it compares two answers."""
    return step.path == "judge.pair" and step.called("preference_calls") in step.columns


def adds(run: Run, step: RunStep, column: str) -> bool:
    """Whether the column is the step's own and not one that its rows had before."""
    before = [other for other in run.steps if other.name in run.before(step)]
    name = step.called(column)
    renamed = step.facts.get("columns", {})
    # Another column of its own that the recipe calls so: a reward called score is no grade.
    other_own = any(own != column and name == given for own, given in renamed.items())
    new = name in step.columns and not any(name in other.columns for other in before)
    return new and not other_own


def judged(step: RunStep) -> str:
    """The column of what a judge of single answers judges, by its own name; "": the request."""
    if step.path == "judge.conversation":
        return "messages"
    return "" if step.facts.get("settings", {}).get("of") == "request" else "response"


def verdict_sql(called: Callable[[str], str], column: str) -> str:
    """SQL for a verdict: of a pair whose calls all say tie 0.5, whatever is left of belief."""
    verdict = quoted(called(column))
    if column != "preference":
        return verdict
    tie = quoted(called("preference_verdict"))
    return f"CASE WHEN {tie} = 'tie' THEN 0.5 ELSE {verdict} END"


def model_of(step: RunStep, text: str) -> str:
    """What the recipe calls the column of the model that wrote a text: it goes by the text's."""
    return f"{step.called(text)}_model"


def read(
    store: Store,
    run: Run,
    step: RunStep,
    names: Sequence[str],
    labels: Labels,
    models_of: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """The step's rows by id with `names`, by its own names.

    `models_of` are texts of which the model that wrote them is wanted: as `response_model`.

    The first `MOST` by id, and all that have a label; null where there is no such column.

    Raises:
        UserError: the column of labels is none of its.
    """
    selected = ["id"]
    for name in names:
        there = step.called(name) in step.columns
        selected.append(f"{quoted(step.called(name)) if there else 'NULL'} AS {quoted(name)}")
    for name in models_of:
        wrote = model_of(step, name)
        there = wrote in step.columns
        selected.append(f"{quoted(wrote) if there else 'NULL'} AS {quoted(f'{name}_model')}")
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
    sample = f"id IN (SELECT id FROM {view} ORDER BY id LIMIT {MOST})"
    where = " OR ".join([sample, *also])
    sql = f"SELECT {', '.join(selected)} FROM {view} WHERE {where} ORDER BY id"
    rows: list[dict[str, Any]] = query(store, run, sql).to_pylist()
    return rows


def check_labels(rows: Sequence[Mapping[str, Any]], step: RunStep, labels: Labels) -> None:
    """See that one row at least has a label where a column of labels was named.

    Raises:
        UserError: no row has a gold label in the column that was named for them.
    """
    if labels.column and rows and all(row["gold"] is None for row in rows):
        cause = f"the column '{labels.column}' of {step.name} has no gold label in any row"
        raise UserError(cause, "Name another column by --gold, or label rows: `bowerbird label`.")
