"""A step: a stage in its place, and all that decides its rows."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

import prompts
from pipelines.recipe.lookup import stage_path
from pipelines.recipe.renaming import Renaming
from stages.base import Columns, SetStage, Stage
from stages.engines.base import EngineSpec

IDENTITY: Columns = {"id": pa.string(), "parents": pa.list_(pa.string())}
"""The columns every row has."""

Fingerprint = str | Sequence["Fingerprint"]
"""Of rows: their step's, or one for each where several steps' rows come together."""


@dataclass(frozen=True, slots=True)
class RoundCondition:
    """A round begins only while `steps` have made fewer than `accepted` rows together."""

    accepted: int | None
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a plan. Other steps are meant by their names.

    `name` is unique in the plan and names the step's view in SQL. `engines`: those that its stage
    asks, by the recipe's names and in the stage's order. `facts` are all that decides its rows;
    `fingerprint` is their hash. `columns` are what its rows have when it is done, identity
    included, `coming` what they have before.
    """

    name: str
    renaming: Renaming
    engines: Mapping[str, EngineSpec]
    facts: Mapping[str, Any]
    fingerprint: str
    columns: Columns
    coming: Columns
    after: tuple[str, ...] = ()
    """Whose rows it takes; empty for a stage that makes its own."""
    chains: tuple[str, ...] = ()
    """Of a stage that joins chains, the chain of each of `after`."""
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the chain's name, the steps whose rows a set stage reads beside its own."""
    round: int = 1
    """Of a `rounds:` block."""
    conditions: tuple[RoundCondition, ...] = ()
    """Of the first step of a later round: it begins while one of them holds."""

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


def steps_before(names: Iterable[str], known: Mapping[str, Step]) -> set[str]:
    """These steps and all whose rows come to them, directly or not, by their names in `known`."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += known[name].after
    return found


def explain(
    renaming: Renaming,
    engines: Sequence[EngineSpec],
    seed: int,
    before: Fingerprint,
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
