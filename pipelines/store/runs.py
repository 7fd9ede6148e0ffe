"""Run records: one JSON file per execution of a recipe, pointing at the stage folders it used."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.store.files import write_atomically
from stages.errors import RunError, UserError

NAME = "run.json"


class RunStep(BaseModel):
    """A step of a run: its view in SQL, its stage's path, its folder in the store."""

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    folder: str
    columns: tuple[str, ...]
    reused: bool = False
    """Whether it was complete before the run began."""
    facts: dict[str, Any] = {}
    """All that decided its rows: settings, prompts' hashes, engine, seed (`plan.explain`)."""


class Run(BaseModel):
    """One execution. Times are UTC in ISO 8601."""

    model_config = ConfigDict(frozen=True)

    version: int = 1
    id: str
    recipe: str
    recipe_path: str
    source: dict[str, Any]
    status: Literal["running", "done", "failed", "interrupted"] = "running"
    error: str = ""
    started: str
    finished: str = ""
    scheduled: str = ""
    """For a run that a schedule fired, the time it was due."""
    steps: tuple[RunStep, ...]
    prompts: dict[str, str] = {}
    """The text of every template that the steps render, by name."""
    versions: dict[str, str]

    @property
    def seed(self) -> int:
        """The recipe's seed."""
        return int(self.source.get("seed", 0))


def new_id(folder: Path, recipe: str) -> str:
    """`demo-20261121-031500`, with a number behind it where that is taken."""
    stem = f"{recipe}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    return next(name for name in names if not (folder / name).exists())


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write(folder: Path, run: Run) -> None:
    """Record `run` in the runs folder."""
    (folder / run.id).mkdir(parents=True, exist_ok=True)
    write_atomically(folder / run.id / NAME, run.model_dump_json(indent=1).encode())


def read(folder: Path, run_id: str) -> Run:
    """The record of a run.

    Raises:
        UserError: there is no such run.
        RunError: the record is damaged.
    """
    path = folder / run_id / NAME
    if not path.is_file() or path.parent.parent != folder:
        raise UserError(f"there is no run '{run_id}'", "`bowerbird status` lists the runs.")
    try:
        return Run.model_validate_json(path.read_bytes())
    except ValidationError as error:
        cause = f"the run record {path} is damaged ({error.error_count()} errors)"
        raise RunError(cause, "Delete its folder; the rows are not in it.") from None
