"""Recipes: YAML in, a typed recipe out.

A stage is found by its path (`use: judge.quality` is `stages/judge/quality.py`), an engine by
its kind (`kind: vllm` is `stages/engines/vllm.py`). Everything a user can get wrong is one cause
and one remedy, with the nearest real name where a name is wrong.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pipelines.recipe import bibliography, recipe_source
from pipelines.recipe.entries import Entry, Rounds, entries, gathered
from pipelines.recipe.lookup import class_in, known_engines, nearest
from pipelines.recipe.money import Budget, Price
from pipelines.recipe.validate import validate
from stages.engines.base import EngineSpec
from stages.errors import UserError


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


class Recipe(BaseModel):
    """One dataset: engines, stages in order, a seed."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """Of the dataset: small letters, digits, `_` and `-`."""
    seed: int = Field(0, ge=-(2**63), lt=2**63)
    """What everything is drawn by."""
    description: str = ""
    """What the dataset is, for its card."""
    cites: tuple[str, ...] = ()
    """Keys in `pipelines/recipe/methods.bib` of works it follows, for its card; those of its stages
    stand there anyway."""
    harmful: bool = False
    """The rows hold text that is meant to be harmful: the card says so first, and `publish` wants
    `--harmful`."""
    engines: Mapping[str, EngineSpec]
    """By the names that stages call them."""
    chains: Mapping[str, tuple[Entry | Rounds, ...]] = {}
    """Lists of stages that others read, by name: joined (`of`) or beside their rows (`against`)."""
    stages: tuple[Entry | Rounds, ...]
    """In their order; the first makes rows, reads a file of them, or joins chains."""
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
    chains = {
        name: entries(listed, f"chains.{name}", folder)
        for name, listed in recipe_source.chains(source).items()
    }
    rest = {k: v for k, v in source.items() if k not in ("engines", "stages", "chains")}
    stages = gathered(entries(source["stages"], "stages", folder))
    built = {"engines": engines, "chains": chains, "stages": stages, "source": source}
    recipe = validate(Recipe, {**rest, **built}, "recipe", {}, hidden=("source",))
    bibliography.check(recipe.cites)
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
    return validate(model, _own(model, spec), where, {})


def _own(model: type[EngineSpec], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings without those of the engine that a scripted one stands in for."""
    if not model.replaces_any:
        return spec
    kinds = [class_in(f"stages.engines.{kind}", EngineSpec) for kind in known_engines()]
    others = {name for kind in kinds if kind for name in kind.model_fields}
    return {k: v for k, v in spec.items() if k in model.model_fields or k not in others}
