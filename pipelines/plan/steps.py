"""The plan of a recipe: which stage reads which columns, by which engine, under which fingerprint.

Checked in full before anything runs: a column that nobody adds, one that would be overwritten
unasked, an engine that cannot do what a stage wants.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

import prompts
from pipelines.recipe.lookup import nearest, stage_path
from pipelines.recipe.parse import Recipe
from pipelines.recipe.renaming import SEED, Renaming
from pipelines.store.runs import VIEWS
from stages.base import Columns, MultiCallStage, SetStage, Stage
from stages.engines.base import EngineSpec
from stages.errors import UserError

IDENTITY: Columns = {"id": pa.string(), "parents": pa.list_(pa.string())}
"""The columns every row has."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a plan.

    `name` is unique in the plan and names the step's view in SQL. `engines`: those that its stage
    asks, by the recipe's names and in the stage's order. `columns` are what its rows
    have when it is done, identity included. `facts` are all that decides them; `fingerprint` is
    their hash.
    """

    name: str
    renaming: Renaming
    engines: Mapping[str, EngineSpec]
    facts: Mapping[str, Any]
    fingerprint: str
    columns: Columns

    @property
    def stage(self) -> Stage:
        """The stage, which knows its columns by its own names."""
        return self.renaming.stage

    @property
    def seed(self) -> int:
        """What a set stage draws by."""
        return int(self.fingerprint[:8], 16)

    @property
    def path(self) -> str:
        """The stage's path, as a recipe's `use:` gives it."""
        return stage_path(self.stage)

    @property
    def folder(self) -> str:
        """Name of its folder in the store."""
        return f"{self.path}-{self.fingerprint[:16]}"

    @property
    def whole(self) -> bool:
        """Whether it needs all of its input at once."""
        return isinstance(self.stage, SetStage)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of its rows."""
        return pa.schema(list(self.columns.items()))


_TEXTS = ("instruction", "response", "chosen", "rejected")
"""What SQL, cards and exports take for text by its name."""

_MESSAGES = "messages"
"""The conversation that a dataset has beside its columns."""


def plan(recipe: Recipe) -> tuple[Step, ...]:
    """The recipe's steps in order.

    Raises:
        UserError: the stages do not fit together.
    """
    steps: list[Step] = []
    names = _names(recipe)
    for name, entry in zip(names, recipe.stages, strict=True):
        stage, renaming = entry.stage, Renaming(entry.stage, entry.columns)
        before = steps[-1] if steps else None
        _check_place(name, stage, before)
        _check_nulls(name, stage)
        columns = _columns(name, renaming, before.columns if before else IDENTITY)
        engines = _engines(name, stage, recipe.engines)
        asked = list(engines.values())
        facts = explain(renaming, asked, recipe.seed, before.fingerprint if before else "")
        steps.append(Step(name, renaming, engines, facts, fingerprint(facts), columns))
    return tuple(steps)


def _names(recipe: Recipe) -> list[str]:
    """What `as` says; else `judge_quality`, or `judge_quality_1`, `_2` … where that is twice."""
    plain = [entry.name or stage_path(entry.stage).replace(".", "_") for entry in recipe.stages]
    total, seen = Counter(plain), Counter[str]()
    names = []
    for name in plain:
        seen[name] += 1
        names.append(f"{name}_{seen[name]}" if total[name] > 1 else name)
    for name, times in Counter(name.lower() for name in names).items():
        if times > 1 or name in VIEWS:
            taken = "another view of a run" if name in VIEWS else "another stage"
            raise UserError(f"the name '{name}' is that of {taken}", "Give another name by `as`.")
    return names


def _check_place(name: str, stage: Stage, before: Step | None) -> None:
    # Whether a stage can be first is a fact of its class; reading a seed file comes later.
    starts = type(stage).initial_rows is not Stage.initial_rows
    if before is None and not starts:
        remedy = "Begin with a stage that makes or reads rows, such as generate.magpie."
        raise UserError(f"{name} comes first but needs rows to work on", remedy)
    if before is not None and starts:
        remedy = "Make it the first stage, or put it into a recipe of its own."
        raise UserError(f"{name} starts a dataset but comes after {before.name}", remedy)


def _check_nulls(name: str, stage: Stage) -> None:
    if isinstance(stage, MultiCallStage) and stage.derives and stage.on_parse_error == "null":
        cause = f"{name} makes new rows of replies, and a null is none"
        raise UserError(cause, "Let `on_parse_error` be retry, drop or fail.")


def _columns(name: str, stage: Renaming, before: Columns) -> Columns:
    for column in (*stage.needs, *stage.removes):
        if column not in before:
            known = [c for c in before if c not in IDENTITY]
            remedy = nearest(column, known) if known else "No earlier stage adds columns."
            raise UserError(f"{name} needs a column '{column}' that no earlier stage adds", remedy)
    _check_names(name, stage, before)
    kept = {c: kind for c, kind in before.items() if c not in stage.removes}
    return kept | dict(stage.adds)


def _check_names(name: str, stage: Renaming, before: Columns) -> None:
    """A column is rewritten by a stage that reads and writes it, and by no other."""
    # In SQL names that differ in case are one.
    taken = {column.lower() for column in before}
    for own, kind in stage.stage.adds.items():
        column = stage.names[own]
        remedy = f"Give the stage's column another name: columns: {{{own}: …}}."
        rewritten = own in stage.stage.needs and column in before
        if column in (*IDENTITY, SEED) or (column.lower() in taken and not rewritten):
            raise UserError(f"{name} would overwrite the column '{column}'", remedy)
        if column in _TEXTS and kind != pa.string():
            raise UserError(f"{name} calls a column '{column}' that is no text", remedy)
    written = [column.lower() for column in stage.adds]
    if len(set(written)) < len(stage.stage.adds):
        raise UserError(f"{name} writes two columns of one name", "Change its `columns`.")
    for own, column in stage.given.items():
        if column.lower() in (*IDENTITY, SEED, _MESSAGES):
            cause = f"{name}: no stage's column can be called '{column}'"
            raise UserError(cause, f"Give '{own}' another name: every dataset has one of this.")


def _engines(
    name: str, stage: Stage, engines: Mapping[str, EngineSpec]
) -> Mapping[str, EngineSpec]:
    """Those that the stage asks, in its order."""
    if not isinstance(stage, MultiCallStage):
        return {}
    asked = stage.engines
    for each in asked:
        if each not in engines:
            remedy = nearest(each, list(engines))
            raise UserError(f"{name}: the recipe has no engine '{each}'", remedy)
        if asked.count(each) > 1:
            raise UserError(f"{name} names the engine '{each}' twice", "Name each once.")
        lacking = sorted(stage.requires - engines[each].provides)
        if lacking:
            cause = f"{name} wants {' and '.join(lacking)}, which engine '{each}' of kind"
            raise UserError(f"{cause} '{engines[each].kind}' cannot give", _remedy(lacking))
    return {each: engines[each] for each in asked}


def _remedy(lacking: Sequence[str]) -> str:
    if "user_turn" in lacking:
        return "Give the stage `pre_query` or `family`, or use an engine of kind 'vllm'."
    return "Name another engine of the recipe in the stage's `engine`."


def explain(
    renaming: Renaming, engines: Sequence[EngineSpec], seed: int, before: str
) -> dict[str, Any]:
    """All that decides a stage's output, as JSON values; its hash is the fingerprint.

    The seed counts only where something is drawn by it, so that runs with other seeds share
    the stages before.
    """
    stage = renaming.stage
    facts = {
        "stage": stage_path(stage),
        "version": stage.version,
        # What a recipe calls its engine decides nothing; what the engine is stands below.
        "settings": stage.model_dump(mode="json", exclude={"engine"}),
        "facts": dict(stage.identity()),
        "prompts": {name: prompts.digest(name) for name in stage.prompts},
        "engine": engines[0].identity() if len(engines) == 1 else None,
        "seed": seed if stage.uses_seed else None,
        "before": before,
    }
    if len(engines) > 1:
        facts["engines"] = [engine.identity() for engine in engines]
    return facts | ({"columns": renaming.changed} if renaming.changed else {})


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Sha256 of `facts` in hex."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
