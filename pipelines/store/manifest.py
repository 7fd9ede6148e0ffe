"""Manifests: what a stage folder holds, said once and last.

A shard exists if its stage's manifest lists it. A file that is not listed does not count,
whatever is in it; one that is listed must have the checksum that is listed.
"""

from collections import Counter, defaultdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.store.files import write_atomically
from stages.errors import RunError

NAME = "manifest.json"


class File(BaseModel):
    """A committed file beside the manifest."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    bytes: int
    rows: int


class Counts(BaseModel):
    """What became of a shard's input. `parents` go on only if `parents_kept`."""

    model_config = ConfigDict(frozen=True)

    input: int = 0
    annotated: int = 0
    parents: int = 0
    parents_kept: int = 0
    derived: int = 0
    dropped: int = 0
    failed: int = 0

    @property
    def output(self) -> int:
        """Rows that go on."""
        return self.annotated + self.parents_kept + self.derived

    def add_up(self) -> bool:
        """Whether every input row has one fate."""
        return self.input == self.annotated + self.parents + self.dropped + self.failed


class Usage(BaseModel):
    """What a shard took: engine calls, tokens, seconds of wall time."""

    model_config = ConfigDict(frozen=True)

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unreadable: int = 0
    """Replies that could not be read, whatever became of the row."""
    seconds: float = 0.0


class Shard(BaseModel):
    """One committed shard: the rows that go on and the rows that do not.

    `input` is a digest of the rows it was made from: a shard is reused only for the same input.
    """

    model_config = ConfigDict(frozen=True)

    index: int
    input: str
    part: File
    rejected: File
    counts: Counts
    reasons: dict[str, int]
    usage: Usage


class Manifest(BaseModel):
    """All committed shards of one stage folder. `complete`: no more will come."""

    model_config = ConfigDict(frozen=True)

    version: int = 1
    stage: str
    fingerprint: str
    complete: bool = False
    shards: tuple[Shard, ...] = ()

    @property
    def counts(self) -> Counts:
        """The sums over all shards."""
        return Counts.model_validate(_sums([shard.counts for shard in self.shards]))

    @property
    def usage(self) -> Usage:
        """The sums over all shards."""
        return Usage.model_validate(_sums([shard.usage for shard in self.shards]))

    @property
    def reasons(self) -> dict[str, int]:
        """Rows dropped or failed, by reason, the most frequent first."""
        total = Counter[str]()
        for shard in self.shards:
            total.update(shard.reasons)
        return dict(total.most_common())

    @property
    def why(self) -> str:
        """The reasons in one line: "13 filter.truncated, 5 filter.language"."""
        return ", ".join(f"{rows} {reason}" for reason, rows in self.reasons.items())


def _sums(parts: list[Counts] | list[Usage]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for part in parts:
        for name, value in part.model_dump().items():
            total[name] += value
    return total


def read(folder: Path) -> Manifest | None:
    """The manifest of a stage folder; None where nothing was ever committed.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValidationError, OSError) as error:
        cause = f"the manifest {path} is damaged ({type(error).__name__})"
        raise RunError(cause, "Delete its folder; the stage is then computed again.") from None


def is_complete(folder: Path) -> bool:
    """Whether all shards of a stage folder are committed."""
    found = read(folder)
    return found is not None and found.complete


def write(folder: Path, manifest: Manifest) -> None:
    """Commit `manifest`: from now on its shards exist."""
    write_atomically(folder / NAME, manifest.model_dump_json(indent=1).encode())
