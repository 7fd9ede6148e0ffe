"""Recipes: YAML in, a typed recipe out.

A stage is found by its path (`use: judge.quality` is `stages/judge/quality.py`), an engine by
its kind (`kind: vllm` is `stages/engines/vllm.py`). Everything a user can get wrong is one cause
and one remedy, with the nearest real name where a name is wrong.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from pipelines.recipe import recipe_source
from pipelines.recipe.lookup import (
    Model,
    class_in,
    known_engines,
    known_stages,
    nearest,
    stage_class,
)
from pipelines.recipe.money import Budget, Price
from pipelines.recipe.renaming import Renaming
from stages.base import Stage
from stages.engines.base import EngineSpec
from stages.errors import UserError

_SECRET = ("key", "url", "token")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_RENAMED = {
    "annotate.embedding": {"column": "columns: {{instruction: {}}}"},
    "dedup.exact": {"column": "columns: {{instruction: {}}}"},
    "filter.response": {"column": "columns: {{response: {}}}"},
    "generate.respond": {
        "question": "columns: {{instruction: {}}}",
        "into": "columns: {{response: {}}}",
    },
    "generate.structured": {
        "question": "columns: {{instruction: {}}}",
        "into": "columns: {{response: {}}}",
    },
    "judge.quality": {"column": "columns: {{response: {}}}"},
    "select.quality_diversity": {"score": "columns: {{score: {}}}"},
}
"""Settings of 0.1.0 that `columns` has replaced, and what to write for them."""


class Limits(BaseModel):
    """When a run gives up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    failed: float = Field(0.5, ge=0, le=1)
    """Share of a stage's rows that may fail; more stop the run with a summary."""


class EnginePlacement(BaseModel):
    """How often an engine is there, and on what. GPUs and nodes count on Ray only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicas: int = Field(1, gt=0)
    """Copies of the engine; shards go to the one with the least to do."""
    tensor_parallel: int = Field(1, gt=0)
    """GPUs that one copy's model is split over."""
    gpus: float | None = Field(None, gt=0)
    """GPUs that one copy takes, a fraction where several share one. Default: `tensor_parallel`."""


class Placement(BaseModel):
    """Where and how fast a run goes; never part of what it produces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engines: Mapping[str, EnginePlacement] = {}
    """By the engine's name in the recipe."""

    shard_rows: int | None = Field(None, gt=0)
    """Rows in a shard, the unit of commit and of resume. Default: by how many there are."""

    @model_validator(mode="before")
    @classmethod
    def _no_longer(cls, given: Any) -> Any:
        if isinstance(given, dict) and "shards_in_flight" in given:
            raise ValueError(
                "`shards_in_flight` is gone: what is under way follows from what the engine can "
                "take (max_concurrency, max_num_seqs); take it out"
            )
        return given


@dataclass(frozen=True, slots=True)
class Entry:
    """A stage as the recipe has it.

    `name`: what the step and its SQL view are called, if the recipe says so (`as`). `columns`: the
    recipe's names of the stage's own columns.
    """

    stage: Stage
    name: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


class Recipe(BaseModel):
    """One dataset: engines, stages in order, a seed."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """Of the dataset: small letters, digits, `_` and `-`."""
    seed: int = Field(0, ge=-(2**63), lt=2**63)
    """What everything is drawn by."""
    description: str = ""
    """What the dataset is, for its card."""
    engines: Mapping[str, EngineSpec]
    """By the names that stages call them."""
    stages: tuple[Entry, ...]
    """In their order; the first makes rows or reads them."""
    limits: Limits = Limits()
    """When a run gives up."""
    budget: Budget = Budget()
    """What may be spent."""
    prices: Mapping[str, Price] = {}
    """By the engine's name in the recipe; what has none costs nothing that is known."""
    placement: Placement = Placement()
    """Where and how fast a run goes; it decides no row."""
    source: Mapping[str, Any] = Field(exclude=True)
    """The YAML as it was read, overrides applied: what a run records."""

    def placed(self, name: str) -> EnginePlacement:
        """The placement of the engine `name`."""
        return self.placement.engines.get(name, EnginePlacement())


def load(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe in the YAML file `path`, with `dotted.key=value` overrides.

    Raises:
        UserError: with the key at fault and the nearest real one.
    """
    return parse(recipe_source.read(path, overrides), path.parent)


def parse(source: Mapping[str, Any], folder: Path) -> Recipe:
    """The recipe that `source` describes; relative paths in it are taken from `folder`.

    Raises:
        UserError: with the key at fault and the nearest real one.
    """
    recipe_source.require(source)
    engines = {name: engine(name, spec) for name, spec in dict(source["engines"]).items()}
    unrolled = recipe_source.unroll(source["stages"], "stages")
    steps = [_entry(entry, where, folder) for where, entry in unrolled]
    rest = {k: v for k, v in source.items() if k not in ("engines", "stages")}
    built = {"engines": engines, "stages": tuple(steps), "source": source}
    recipe = _validate(Recipe, {**rest, **built}, "recipe", {}, hidden=("source",))
    for where, names in (
        ("placement.engines", recipe.placement.engines),
        ("prices", recipe.prices),
    ):
        for name in names:
            if name not in engines:
                remedy = nearest(name, list(engines))
                raise UserError(f"{where}: the recipe has no engine '{name}'", remedy)
    if recipe.budget.usd is not None and not recipe.prices:
        cause = "budget.usd caps dollars, and no engine has a price"
        raise UserError(cause, "Give `prices`, or cap tokens or minutes.")
    spread = {n: spec.spread(recipe.placed(n).tensor_parallel) for n, spec in engines.items()}
    return recipe.model_copy(update={"engines": spread})


def _entry(entry: Mapping[str, Any], where: str, folder: Path) -> Entry:
    stage = _stage(entry, where, folder)
    name, columns = entry.get("as", ""), entry.get("columns", {})
    if not isinstance(name, str) or ("as" in entry and not _NAME.fullmatch(name)):
        cause = f"{where}: `as` is {name!r}"
        raise UserError(cause, "It must be letters, digits and underscores, a letter first.")
    if not isinstance(columns, dict) or not all(
        isinstance(column, str) and _NAME.fullmatch(column) for column in columns.values()
    ):
        remedy = "Write {the stage's name: the dataset's}, each of letters, digits and _."
        raise UserError(f"{where}: `columns` is {columns!r}", remedy)
    renaming = Renaming(stage, columns)
    for own in columns:
        if own not in renaming.names:
            cause = f"{where}: {entry['use']} has no column '{own}'"
            raise UserError(cause, nearest(str(own), list(renaming.names)))
    return Entry(stage, name, columns)


def _stage(entry: Mapping[str, Any], where: str, folder: Path) -> Stage:
    use = entry["use"]
    model = stage_class(use)
    if model is None:
        raise UserError(f"{where}: there is no stage '{use}'", nearest(use, known_stages()))
    settings = {key: value for key, value in entry.items() if key not in ("use", "as", "columns")}
    for old, new in _RENAMED.get(use, {}).items():
        if old in settings:
            raise UserError(f"{where}: `{old}` is gone", f"Write {new.format(settings[old])}.")
    return _validate(model, settings, f"{where} ({use})", {"folder": folder})


def engine(name: str, spec: Any) -> EngineSpec:
    """The engine that a recipe calls `name` and describes by `spec`.

    Raises:
        UserError: with the key at fault and the nearest real one.
    """
    where = f"engines.{name}"
    if not isinstance(spec, dict) or not isinstance(spec.get("kind"), str):
        raise UserError(f"{where} has no `kind`", f"One of: {', '.join(known_engines())}.")
    model = class_in(f"stages.engines.{spec['kind']}", EngineSpec)
    if model is None:
        remedy = nearest(spec["kind"], known_engines())
        raise UserError(f"{where}: there is no engine kind '{spec['kind']}'", remedy)
    return _validate(model, _own(model, spec), where, {})


def _own(model: type[EngineSpec], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings without those of the engine that a scripted one stands in for."""
    if not model.replaces_any:
        return spec
    kinds = [class_in(f"stages.engines.{kind}", EngineSpec) for kind in known_engines()]
    others = {name for kind in kinds if kind for name in kind.model_fields}
    return {k: v for k, v in spec.items() if k in model.model_fields or k not in others}


def _validate(
    model: type[Model],
    values: Mapping[str, Any],
    where: str,
    context: Mapping[str, Any],
    hidden: tuple[str, ...] = (),
) -> Model:
    try:
        return model.model_validate(dict(values), context=dict(context))
    except ValidationError as error:
        fields = [name for name in model.model_fields if name not in hidden]
        raise _user_error(error, where, fields) from None


_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def _user_error(error: ValidationError, where: str, fields: list[str]) -> UserError:
    # A key that is no setting first: a misspelt one also makes the real one missing.
    first = min(error.errors(), key=lambda e: e["type"] not in _UNKNOWN)
    key = ".".join(str(part) for part in first["loc"])
    at = f"{where}: '{key}'" if key else where
    if first["type"] in _UNKNOWN:
        return UserError(f"{at} is no setting", nearest(key, fields))
    if first["type"] == "missing":
        return UserError(f"{at} is missing", "Add it to the recipe.")
    if any(part in str(first["loc"]) for part in _SECRET) or not key:
        return UserError(f"{at}: {first['msg']}")  # what was given instead may be the secret
    return UserError(f"{at}: {first['msg']}", f"It was {first['input']!r}.")
