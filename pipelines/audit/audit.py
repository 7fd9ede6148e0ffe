"""The audit of a run's judges, as figures; a gate by what is required."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
import pyarrow as pa

from pipelines.audit import grade_figures, pair_figures
from pipelines.audit.grade_figures import Grader
from pipelines.audit.people import labels as people
from pipelines.audit.verdicts.grades import GradeRow, grades
from pipelines.audit.verdicts.judges import Labels, is_pair, judges
from pipelines.audit.verdicts.pairs import PairRow, pairs
from pipelines.recipe.lookup import nearest
from pipelines.store.audited import PROBED, Figure
from pipelines.store.query.catalog import query, quoted, quoted_text
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import UserError

_REQUIRED = re.compile(r"^\s*(.+?)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*$")


def audit(store: Store, run: Run, gold: str = "") -> list[Figure]:
    """All figures of the run's judges, in the order of its steps.

    `gold`: the column of right labels; without it those that people gave (`labels.py`).

    Raises:
        UserError: the run has no judge or no row that was judged, or a gold label is none.
    """
    steps = judges(run)
    found: list[Figure] = []
    graded, unfit = list[Grader](), list[UserError]()
    for step in steps:
        labels = Labels(gold, {} if gold else people.read(store, run, step))
        try:
            rows = _verdicts(store, run, step, labels)
        except UserError as error:
            # Of several judges a column of labels may fit one; without them the others are audited.
            unfit.append(error)
            rows = _verdicts(store, run, step, Labels())
        if is_pair(step):
            found += pair_figures.of_pairs(step.name, cast(list[PairRow], rows), step.asks)
        else:
            graded.append(Grader(step.name, people.scale(step), cast(list[GradeRow], rows)))
            found += grade_figures.of_grades(graded[-1])
        found += _unreadable(store, run, step)
    if unfit and len(unfit) == len(steps):
        raise unfit[0]
    if not found:
        raise UserError(f"the run {run.id} has judged no rows", "`bowerbird status` says why.")
    return [*found, *grade_figures.between(graded)]


def _verdicts(
    store: Store, run: Run, step: RunStep, labels: Labels
) -> list[PairRow] | list[GradeRow]:
    read = pairs if is_pair(step) else grades
    return read(store, run, step, labels)


def _unreadable(store: Store, run: Run, step: RunStep) -> Iterator[Figure]:
    """Rows without a verdict, by cause; a tie is a verdict, also where `on_tie` dropped it."""
    name = quoted_text(step.name)
    taken = query(store, run, f"SELECT rows_in FROM stages WHERE stage = {name}").to_pylist()
    sql = f"""SELECT reason, count(*) AS rows FROM rejected WHERE stage = {name}
        AND reason NOT IN ('judge.tie', 'judge.inconsistent') GROUP BY ALL"""
    causes = {row["reason"]: row["rows"] for row in query(store, run, sql).to_pylist()}
    verdict = quoted(step.called("preference" if is_pair(step) else "score"))
    sql = f"SELECT count(*) AS rows FROM {quoted(step.name)} WHERE {verdict} IS NULL"
    causes["null"] = query(store, run, sql).to_pylist()[0]["rows"]
    count = sum(row["rows_in"] for row in taken)
    if count:
        told = ", ".join(f"{rows} {reason}" for reason, rows in sorted(causes.items()) if rows)
        share = sum(causes.values()) / count
        yield Figure(step.name, "without a verdict", share, None, None, count, told)


def as_table(found: Sequence[Figure]) -> pa.Table:
    """A row per figure."""
    schema = pa.schema(
        [("judge", pa.string()), ("name", pa.string())]
        + [(name, pa.float64()) for name in ("value", "low", "high")]
        + [("rows", pa.int64()), ("about", pa.string())]
    )
    return pa.Table.from_pylist(msgspec.to_builtins(found), schema=schema)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure has to be, of every judge that has it, or of `judge` alone."""

    judge: str
    name: str
    sign: str
    value: float

    @classmethod
    def parse(cls, text: str) -> "Bound":
        """From "position bias <= 0.1", or "judge_pair: position bias <= 0.1".

        Raises:
            UserError: it bounds nothing.
        """
        match = _REQUIRED.match(text)
        if match is None:
            remedy = "Write, for example, 'position bias <= 0.1'."
            raise UserError(f"'{text}' requires nothing", remedy)
        judge, _, name = match[1].rpartition(": ") if ": " in match[1] else ("", "", match[1])
        if judge.startswith("fooled by"):
            judge, name = judge.rpartition(": ")[0], f"{judge.rpartition(': ')[2]}: {name}"
        return cls(judge, name, match[2], float(match[3]))

    def unmet(self, found: Sequence[Figure]) -> list[str]:
        """The figures for which it does not hold; a bias counts by its size, whatever its sign.

        Raises:
            UserError: there is no such figure.
        """
        named = [f for f in found if f.name == self.name and self.judge in ("", f.judge)]
        if not named:
            names = list(dict.fromkeys(figure.name for figure in found))
            raise UserError(f"the audit has no figure '{self.name}'", nearest(self.name, names))
        return [
            f"{f.judge}: {f.name} is {f.value:.3f}, not {self.sign} {self.value:g}"
            for f in named
            if not self._holds(abs(f.value) if self._is_bias else f.value)
        ]

    @property
    def of_probes(self) -> bool:
        """Whether its figure is one that `probe` finds, and no audit of stored verdicts."""
        return self.name.startswith(PROBED)

    @property
    def _is_bias(self) -> bool:
        return "bias" in self.name or "self-preference" in self.name

    def _holds(self, value: float) -> bool:
        return {
            "<=": value <= self.value, ">=": value >= self.value,
            "<": value < self.value, ">": value > self.value,
        }[self.sign]  # fmt: skip
