"""From a recipe to its steps: which takes whose rows, and under which fingerprint.

Checked in full before anything runs: a column that nobody adds, one that would be overwritten
unasked, an engine that cannot do what a stage wants, a chain that nobody reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from pipelines.plan import checks
from pipelines.plan.step_names import step_names
from pipelines.plan.steps import (
    IDENTITY,
    Fingerprint,
    RoundCondition,
    Step,
    explain,
    fingerprint,
    steps_before,
)
from pipelines.recipe.entries import Entry, Rounds
from pipelines.recipe.lookup import nearest
from pipelines.recipe.parse import Recipe
from pipelines.recipe.recipe_source import POOL
from pipelines.recipe.renaming import Renaming
from stages.base import Columns, GroupStage, SetStage
from stages.errors import UserError

_MAIN = ""
"""Of the list `stages` among the chains."""
_DEEPEST = 50
"""Chains that read one another: more would be too many for Python's own stack."""


def plan(recipe: Recipe) -> tuple[Step, ...]:
    """The recipe's steps, each behind those whose rows it takes; the last makes the dataset.

    Raises:
        UserError: the stages do not fit together.
    """
    planner = _Planner(recipe)
    planner.chain(_MAIN, "")
    for name in recipe.chains:
        if name not in planner.chains:
            remedy = "Name it in a stage's `of` or `against`, or take it out."
            raise UserError(f"the chain '{name}' is read by no stage", remedy)
    return tuple(planner.steps.values())


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows at a place of a chain: those of one step, or of several together."""

    steps: tuple[Step, ...] = ()

    @property
    def fingerprint(self) -> Fingerprint:
        found = [step.fingerprint for step in self.steps]
        return found[0] if len(found) == 1 else found or ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)

    @property
    def columns(self) -> Columns:
        return self.steps[0].columns if self.steps else IDENTITY

    def and_of(self, others: "_Rows") -> "_Rows":
        """These and those of `others`, which must have the same columns."""
        for other in others.steps:
            if self.steps and other.columns != self.columns:
                odd = set(other.columns.items()) ^ set(self.columns.items())
                names = ", ".join(sorted({name for name, _ in odd}))
                cause = f"the rounds that end with {other.name} make rows with other columns"
                raise UserError(f"{cause} than the rows before have: {names}")
        return _Rows((*self.steps, *others.steps))


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a stage stands in rounds; the default is that of a stage in none.

    `number` counts from 1, `block` the blocks of its list from 0. `pool`: the rows that there are
    when the round begins. `opens`: whether it is the first of its round.
    """

    number: int = 1
    block: int = 0
    pool: _Rows | None = None
    condition: RoundCondition | None = None
    opens: bool = False

    @property
    def facts(self) -> dict[str, int]:
        """What lets the same stages make other rows in another round."""
        later = self.number > 1 or (self.pool is not None and self.pool.steps)
        return ({"round": self.number} if later else {}) | (
            {"block": self.block} if self.block else {}
        )


class _Planner:
    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.steps: dict[str, Step] = {}
        """By folder: chains that begin alike share their first steps."""
        self.chains: dict[str, _Rows] = {}
        self._lists = {**recipe.chains, _MAIN: recipe.stages}
        self._open: list[str] = []
        self._names = step_names(self._lists)

    def chain(self, name: str, reader: str) -> _Rows:
        """The rows that the chain `name` ends with, for the step `reader`."""
        if name in self.chains:
            return self.chains[name]
        if name in self._open and name != _MAIN:
            raise UserError(f"the chain '{name}' reads itself", f"Look at the stage {reader}.")
        if len(self._open) > _DEEPEST:
            raise UserError(f"{reader}: more than {_DEEPEST} chains read each other in a row")
        if name not in self._lists or (reader and name == _MAIN):
            remedy = nearest(name, list(self.recipe.chains)) if self.recipe.chains else ""
            raise UserError(f"{reader}: the recipe has no chain '{name}'", remedy)
        self._open.append(name)
        rows, blocks = _Rows(), 0
        for entry in self._lists[name]:
            if isinstance(entry, Rounds):
                rows, blocks = self._rounds(name, entry, rows, blocks), blocks + 1
            else:
                rows = _Rows((self._step(name, entry, rows, _Turn()),))
        self._open.pop()
        self.chains[name] = rows
        return rows

    def _rounds(self, chain: str, rounds: Rounds, before: _Rows, block: int) -> _Rows:
        """What was before, and what the rounds have added, of that as much as is wanted."""
        made = _Rows()
        for number in range(1, rounds.times + 1):
            pool = rows = before.and_of(made)
            condition = RoundCondition(rounds.accepted, made.names) if made.steps else None
            turn = _Turn(number, block, pool, condition, opens=True)
            for entry in rounds.stages:
                rows = _Rows((self._step(chain, entry, rows, turn),))
                turn = replace(turn, condition=None, opens=False)
            made = made.and_of(rows)
        if rounds.cut is not None:
            made = _Rows((self._step(chain, rounds.cut, made, _Turn()),))
        return before.and_of(made)

    def _step(self, chain: str, entry: Entry, rows: _Rows, turn: _Turn) -> Step:
        name, stage = next(self._names[chain]), entry.stage
        renaming = Renaming(stage, entry.columns)
        joined = {each: self.chain(each, name) for each in stage.joins}
        if turn.opens and (joined or checks.starts(stage)):
            rows = _Rows()  # it makes its own
        checks.check_place(name, stage, rows.names, opens=turn.opens)
        checks.check_nulls(name, stage)
        if isinstance(stage, GroupStage):
            checks.check_groups(name, [step.stage for step in self._before(rows)])
        coming = self._union(name, renaming, joined) if joined else rows.columns
        columns = checks.columns(name, renaming, coming)
        engines = checks.engines(name, stage, self.recipe.engines)
        reads = self._read(name, renaming, turn.pool)
        before = [each.fingerprint for each in joined.values()] if joined else rows.fingerprint
        facts = explain(renaming, list(engines.values()), self.recipe.seed, before) | turn.facts
        if reads:
            facts["against"] = {each: found.fingerprint for each, found in reads.items()}
        of = [(each, step) for each, found in joined.items() for step in found.names]
        step = Step(
            name=name,
            renaming=renaming,
            engines=engines,
            facts=facts,
            fingerprint=fingerprint(facts),
            columns=columns,
            coming=coming,
            after=tuple(step for _, step in of) or rows.names,
            chains=tuple(each for each, _ in of),
            reads={each: found.names for each, found in reads.items()},
            round=turn.number,
            conditions=(turn.condition,) if turn.condition else (),
        )
        return self._shared(step)

    def _shared(self, step: Step) -> Step:
        """The step of the same rows, if another list has it: it begins while either wants more."""
        known = self.steps.get(step.folder, step)
        conditions = tuple(dict.fromkeys((*known.conditions, *step.conditions)))
        self.steps[step.folder] = replace(known, conditions=conditions)
        return self.steps[step.folder]

    def _read(self, name: str, renaming: Renaming, pool: _Rows | None) -> dict[str, _Rows]:
        """The chains that a set stage reads beside its own rows."""
        stage = renaming.stage
        found = {}
        reads = stage.reads if isinstance(stage, SetStage) else {}
        for chain, wanted in reads.items():
            if chain == POOL and pool is None:
                raise UserError(f"{name}: there is a pool in `rounds:` only", "Name a chain.")
            rows = pool if chain == POOL and pool is not None else self.chain(chain, name)
            for column in (renaming.names.get(own, own) for own in wanted) if rows.steps else ():
                if column not in rows.columns:
                    cause = f"{name} needs a column '{column}', which the chain '{chain}' has not"
                    raise UserError(cause, nearest(column, list(rows.columns)))
            found[chain] = rows
        return found

    def _union(self, name: str, renaming: Renaming, joined: Mapping[str, _Rows]) -> Columns:
        """The columns of rows that are joined; what a chain does not have is null in its rows."""
        self._check_apart(name, joined)
        columns: dict[str, pa.DataType] = {}
        spelt: dict[str, str] = {}
        for step in (step for rows in joined.values() for step in rows.steps):
            for column, kind in step.columns.items():
                other = spelt.setdefault(column.lower(), column)
                if other != column:
                    cause = f"{name} joins chains with columns '{other}' and '{column}'"
                    raise UserError(f"{cause}, which are one in SQL", "Rename one of them.")
                if columns.setdefault(column, kind) != kind:
                    cause = f"{name} joins chains whose columns '{column}' differ"
                    raise UserError(f"{cause}: {columns[column]} and {kind}", "Rename one of them.")
        chain = renaming.names["chain"]
        if chain.lower() in {column.lower() for column in columns}:
            remedy = "Give the stage's column another name: columns: {chain: …}."
            raise UserError(f"{name} joins chains that have a column '{chain}'", remedy)
        return columns | {chain: pa.string()}

    def _check_apart(self, name: str, joined: Mapping[str, _Rows]) -> None:
        """Refuse chains that have rows of the same step: two rows would have one id."""
        found: dict[str, str] = {}
        for chain, rows in joined.items():
            for step in (step.name for step in self._before(rows)):
                if found.setdefault(step, chain) != chain:
                    cause = f"{name} joins '{found[step]}' and '{chain}', which both begin with"
                    raise UserError(f"{cause} {step}: their rows would be the same", _APART)

    def _before(self, rows: _Rows) -> list[Step]:
        """The steps of `rows` and all whose rows come to them, by name."""
        known = {step.name: step for step in self.steps.values()}
        return [known[name] for name in sorted(steps_before(rows.names, known))]


_APART = "Let them begin apart, or make several answers of a row by `generate.candidates`."
