"""Run records: one JSON file per execution of a recipe, pointing at the stage folders it used.

A record carries its own checksum; those of Bowerbird 0.1.0 (`version` 1) carry none.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from pipelines.store.files.checksummed_json import BrokenError, seal, unseal
from pipelines.store.files.folder import Folder
from stages.errors import RunError, UserError

NAME = "run.json"
VIEWS = ("dataset", "rejected", "stages", "ledger", "runs", "costs")
"""Views that every run has in SQL (`catalog.py`); no stage is called so."""
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z"
"""Of a folder in a store: never a path, also in records of others."""
_PROMPT = r"^[a-z0-9_]+(/[a-z0-9_]+)*\Z"
"""Of a template: it becomes a file of a release."""


class RunStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a run: its view in SQL, its stage's path, its folder in the store."""

    name: str
    path: str
    folder: Annotated[str, msgspec.Meta(pattern=_NAME)]
    columns: tuple[str, ...]
    role: str = ""
    """What the stage is for (`stages.base.Role`); of records of Bowerbird 0.1.0 empty."""
    engine: str = ""
    """What the recipe calls the engine that it asks, or the engines."""
    engines: tuple[str, ...] = ()
    """The same one by one; of records of before version 0.2 empty."""
    after: tuple[str, ...] | None = None
    """The steps whose rows it took; of records of before version 0.2 None: the step before it."""
    reused: bool = False
    """Whether it was complete before the run began."""
    facts: dict[str, Any] = {}
    """All that decided its rows: settings, prompts' hashes, engine, seed (`plan.explain`)."""
    version: int = 0
    """The version of its manifest when the run was done."""
    digest: str = ""
    """One name for its shards then."""

    @property
    def asks(self) -> tuple[str, ...]:
        """Its engines' names in the recipe, in the stage's order."""
        return self.engines or ((self.engine,) if self.engine else ())

    @property
    def models(self) -> tuple[dict[str, Any], ...]:
        """Its engines' identities, in the same order."""
        one = self.facts.get("engine")
        return tuple(self.facts.get("engines") or ([one] if one else []))

    @property
    def is_for(self) -> str:
        """Its role; of an old record what its path says."""
        return self.role or self.path.partition(".")[0]

    def called(self, column: str) -> str:
        """What the recipe calls the column that the stage itself calls `column`."""
        return str(self.facts.get("columns", {}).get(column, column))


class Run(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One execution. Times are UTC in ISO 8601."""

    version: int = 2
    id: Annotated[str, msgspec.Meta(pattern=_NAME)]
    recipe: str
    recipe_path: str
    source: dict[str, Any]
    status: Literal["running", "done", "capped", "failed", "interrupted"] = "running"
    """`capped`: its budget kept rows back; what there is is a dataset."""
    error: str = ""
    started: str
    finished: str = ""
    scheduled: str = ""
    """For a run that a schedule fired, the time it was due."""
    steps: tuple[RunStep, ...]
    prompts: dict[Annotated[str, msgspec.Meta(pattern=_PROMPT)], str] = {}
    """The text of every template that the steps render, by name."""
    versions: dict[str, str]
    epoch: int = 0
    """Under which it held the store (`lease.py`)."""
    content: str = ""
    """When it is done, the hash of its dataset (`content_hash.py`): same rows, same hash."""

    def before(self, step: RunStep) -> tuple[str, ...]:
        """Names of the steps whose rows the step took."""
        if step.after is not None:
            return step.after
        position = self.steps.index(step)
        return (self.steps[position - 1].name,) if position else ()

    @property
    def own(self) -> tuple[RunStep, ...]:
        """The steps whose rows can be in the dataset: not those that others are held against."""
        known = {step.name: step for step in self.steps}
        names, left = set[str](), [self.steps[-1].name]
        while left:
            name = left.pop()
            if name in known and name not in names:
                names.add(name)
                left += self.before(known[name])
        return tuple(step for step in self.steps if step.name in names)

    @property
    def has_dataset(self) -> bool:
        """Whether it ended with one."""
        return self.status in ("done", "capped")

    @property
    def seed(self) -> int:
        """The recipe's seed."""
        return int(self.source.get("seed", 0))


def new_id(folder: Folder, recipe: str) -> str:
    """`demo-20261121-031500`, with a number behind it where that is taken."""
    stem = f"{recipe}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    taken = set(folder.folders())
    return next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, 10_000))) if n not in taken)


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def ids(folder: Folder) -> list[str]:
    """The runs that have a record."""
    return [run_id for run_id in folder.folders() if (folder / run_id).size(NAME) is not None]


def write(folder: Folder, run: Run) -> None:
    """Record `run` in the runs folder."""
    (folder / run.id).put(NAME, seal(msgspec.json.format(msgspec.json.encode(run), indent=1)))


def read(folder: Folder, run_id: str) -> Run:
    """The record of a run.

    Raises:
        UserError: there is no such run.
        RunError: the record is damaged.
    """
    try:
        content = (folder / run_id).read(NAME) if re.fullmatch(_NAME, run_id) else None
    except FileNotFoundError:
        content = None
    if content is None:
        raise UserError(f"there is no run '{run_id}'", "`bowerbird status` lists the runs.")
    try:
        found = parse(content)
        if found.id != run_id:
            raise BrokenError(f"it is that of {found.id}")
        return found
    except (BrokenError, msgspec.ValidationError, msgspec.DecodeError) as error:
        what = str(error) if isinstance(error, BrokenError) else "it is not a record"
        cause = f"the run record {(folder / run_id).uri(NAME)} is damaged: {what}"
        raise RunError(cause, "`bowerbird repair` sets it aside; the rows are not in it.") from None


def parse(content: bytes) -> Run:
    """The record in a file.

    Raises:
        ValueError: it is damaged (`BrokenError`) or no record (`msgspec.DecodeError`).
    """
    try:
        return msgspec.json.decode(unseal(content), type=Run)
    except BrokenError as broken:
        try:
            found = msgspec.json.decode(content, type=Run)
        except UnicodeDecodeError:
            raise broken from None
        if found.version != 1:
            raise
        return found
