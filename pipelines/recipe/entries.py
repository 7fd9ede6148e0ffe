"""The entries of a recipe's lists: stages, and rounds of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipelines.recipe.lookup import has_module, known_stages, nearest, stage_class
from pipelines.recipe.recipe_source import NAME, unroll
from pipelines.recipe.renaming import Renaming
from pipelines.recipe.validate import validate
from stages.base import Stage
from stages.errors import UserError
from stages.mix.pool import Pool
from stages.select.first import First

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


@dataclass(frozen=True, slots=True)
class Entry:
    """A stage as the recipe has it.

    `name`: what the step and its SQL view are called, if the recipe says so (`as`). `columns`: the
    recipe's names of the stage's own columns.
    """

    stage: Stage
    name: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


class Until(BaseModel):
    """When rounds end before all of them were made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accepted: int = Field(gt=0, strict=True)
    """Rows that rounds have added in all. A round ends whole; rows beyond so many are dropped."""


class RoundsBlock(BaseModel):
    """Stages that are gone through again and again; what comes out each time joins the pool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int = Field(ge=1, le=100, strict=True)
    """How often at most."""
    until: Until | None = None
    """When they end earlier; default: never."""
    stages: list[Any]
    """Of one round. The first makes rows, or reads the pool: all rows that there are so far."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """A `rounds:` block: `stages` gone through `times` times, or until `accepted` rows came."""

    times: int
    accepted: int | None
    stages: tuple[Entry, ...]

    @property
    def cut(self) -> Entry | None:
        """What ends the block: so many rows as were wanted, and no more."""
        return None if self.accepted is None else Entry(First(rows=self.accepted))


def entries(given: Any, where: str, folder: Path) -> tuple[Entry | Rounds, ...]:
    """The stages of a list in a recipe; relative paths in it are taken from `folder`.

    Raises:
        UserError: with the key at fault and the nearest real one.
    """
    return tuple(
        _rounds(entry, here, folder) if "rounds" in entry else _entry(entry, here, folder)
        for here, entry in unroll(given, where)
    )


def gathered(listed: tuple[Entry | Rounds, ...]) -> tuple[Entry | Rounds, ...]:
    """The stages, and one more where rounds would leave the dataset in several places."""
    last = listed[-1]
    if isinstance(last, Rounds) and (last.cut is None or len(listed) > 1):
        return (*listed, Entry(Pool()))
    return listed


def _rounds(given: Mapping[str, Any], where: str, folder: Path) -> Rounds:
    block = validate(RoundsBlock, given, where, {})
    within = f"{where}.stages"
    inner = [_entry(entry, here, folder) for here, entry in unroll(block.stages, within)]
    return Rounds(block.rounds, block.until.accepted if block.until else None, tuple(inner))


def _entry(entry: Mapping[str, Any], where: str, folder: Path) -> Entry:
    if "rounds" in entry:
        raise UserError(f"{where}: rounds stand within rounds", "Take the inner ones out.")
    stage = _stage(entry, where, folder)
    name, columns = entry.get("as", ""), entry.get("columns", {})
    if not isinstance(name, str) or ("as" in entry and not NAME.fullmatch(name)):
        cause = f"{where}: `as` is {name!r}"
        raise UserError(cause, "It must be letters, digits and underscores, a letter first.")
    if not isinstance(columns, dict) or not all(
        isinstance(column, str) and NAME.fullmatch(column) for column in columns.values()
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
        if has_module(use):
            cause = f"{where}: stages/{use.replace('.', '/')}.py has no stage in it"
            raise UserError(
                cause, "Define a class in it that is derived from one of stages/base.py."
            )
        raise UserError(f"{where}: there is no stage '{use}'", nearest(use, known_stages()))
    settings = {key: value for key, value in entry.items() if key not in ("use", "as", "columns")}
    for old, new in _RENAMED.get(use, {}).items():
        if old in settings:
            raise UserError(f"{where}: `{old}` is gone", f"Write {new.format(settings[old])}.")
    return validate(model, settings, f"{where} ({use})", {"folder": folder})
