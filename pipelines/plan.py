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
from pipelines.lookup import nearest, stage_path
from pipelines.recipe import Recipe
from stages.base import Columns, PromptStage, SetStage, Stage
from stages.engines.base import EngineSpec
from stages.errors import UserError

IDENTITY: Columns = {"id": pa.string(), "parents": pa.list_(pa.string())}
"""The columns every row has."""

SEED = "seed"
"""What a stage may need beside columns: a number of each row's own (`execution/seeds.py`)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a plan.

    `name` is unique in the plan and names the step's view in SQL. `columns` are what its rows
    have when it is done, identity included. `facts` are all that decides them; `fingerprint` is
    their hash.
    """

    name: str
    stage: Stage
    engine: EngineSpec | None
    facts: Mapping[str, Any]
    fingerprint: str
    columns: Columns

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


def plan(recipe: Recipe) -> tuple[Step, ...]:
    """The recipe's steps in order.

    Raises:
        UserError: the stages do not fit together.
    """
    steps: list[Step] = []
    names = _names(recipe)
    for name, stage in zip(names, recipe.stages, strict=True):
        before = steps[-1] if steps else None
        _check_place(name, stage, before)
        _check_nulls(name, stage)
        columns = _columns(name, stage, before.columns if before else IDENTITY)
        engine = _engine(name, stage, recipe.engines)
        facts = explain(stage, engine, recipe.seed, before.fingerprint if before else "")
        steps.append(Step(name, stage, engine, facts, fingerprint(facts), columns))
    return tuple(steps)


def _names(recipe: Recipe) -> list[str]:
    """`judge_quality`; `judge_quality_1`, `_2` … where a path occurs more than once."""
    plain = [stage_path(stage).replace(".", "_") for stage in recipe.stages]
    total, seen = Counter(plain), Counter[str]()
    names = []
    for name in plain:
        seen[name] += 1
        names.append(f"{name}_{seen[name]}" if total[name] > 1 else name)
    return names


def _check_place(name: str, stage: Stage, before: Step | None) -> None:
    # Whether a stage can be first is a fact of its class; reading a seed file comes later.
    starts = type(stage).seeds is not Stage.seeds
    if before is None and not starts:
        remedy = "Begin with a stage that makes or reads rows, such as generate.magpie."
        raise UserError(f"{name} comes first but needs rows to work on", remedy)
    if before is not None and starts:
        remedy = "Make it the first stage, or put it into a recipe of its own."
        raise UserError(f"{name} starts a dataset but comes after {before.name}", remedy)


def _check_nulls(name: str, stage: Stage) -> None:
    if isinstance(stage, PromptStage) and stage.derives and stage.on_parse_error == "null":
        cause = f"{name} makes new rows of replies, and a null is none"
        raise UserError(cause, "Let `on_parse_error` be retry, drop or fail.")


def _columns(name: str, stage: Stage, before: Columns) -> Columns:
    for column in (*stage.needs, *stage.removes):
        if column not in before and column != SEED:
            known = [c for c in before if c not in IDENTITY]
            remedy = nearest(column, known) if known else "No earlier stage adds columns."
            raise UserError(f"{name} needs a column '{column}' that no earlier stage adds", remedy)
    for column in stage.adds:
        if column in (*IDENTITY, SEED) or (column in before and column not in stage.needs):
            remedy = "Give the stage another output column, or take out the earlier stage."
            raise UserError(f"{name} would overwrite the column '{column}'", remedy)
    kept = {c: kind for c, kind in before.items() if c not in stage.removes}
    return kept | dict(stage.adds)


def _engine(name: str, stage: Stage, engines: Mapping[str, EngineSpec]) -> EngineSpec | None:
    if not isinstance(stage, PromptStage):
        return None
    if stage.engine not in engines:
        remedy = nearest(stage.engine, list(engines))
        raise UserError(f"{name}: the recipe has no engine '{stage.engine}'", remedy)
    engine = engines[stage.engine]
    lacking = sorted(stage.wants - engine.can)
    if lacking:
        cause = f"{name} wants {' and '.join(lacking)}, which engine '{stage.engine}' of kind"
        raise UserError(f"{cause} '{engine.kind}' cannot give", _remedy(lacking))
    return engine


def _remedy(lacking: Sequence[str]) -> str:
    if "user_turn" in lacking:
        return "Give the stage `pre_query` or `family`, or use an engine of kind 'vllm'."
    return "Name another engine of the recipe in the stage's `engine`."


def explain(stage: Stage, engine: EngineSpec | None, seed: int, before: str) -> dict[str, Any]:
    """All that decides a stage's output, as JSON values; its hash is the fingerprint.

    The seed counts only where something is drawn by it, so that runs with other seeds share
    the stages before.
    """
    return {
        "stage": stage_path(stage),
        "version": stage.version,
        # What a recipe calls its engine decides nothing; what the engine is stands below.
        "settings": stage.model_dump(mode="json", exclude={"engine"}),
        "facts": dict(stage.identity()),
        "prompts": {name: prompts.digest(name) for name in stage.prompts},
        "engine": engine.identity() if engine else None,
        "seed": seed if stage.draws else None,
        "before": before,
    }


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Sha256 of `facts` in hex."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
