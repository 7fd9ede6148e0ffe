"""Manifests: what a stage folder holds.

A shard exists if its stage's manifest lists it. A file that is not listed does not count,
whatever is in it; one that is listed must have the checksum that is listed. How a manifest grows
version by version is in `log.py`.
"""

from collections import Counter
from typing import Annotated, TypeVar

import msgspec


class File(msgspec.Struct, frozen=True, gc=False):
    """A committed file of a stage folder.

    `sha256` names the content wherever it goes; `xxh3` (128 bits) is what every reader checks,
    ten times as fast. Names are plain file names, never paths, also in records of others.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^(?!\.{1,2}$)[^/\\\0]*$")]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z]*$")]
    bytes: int
    rows: int
    xxh3: str = ""


NO_FILE = File("", "", 0, 0)
"""Stands for a file that is not written, because it would have no rows."""


class Counts(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What became of a shard's input. `parents` go on only if `parents_kept`."""

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


class Usage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a shard took: engine calls, tokens, seconds of wall time."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unreadable: int = 0
    """Replies that could not be read, whatever became of the row."""
    seconds: float = 0.0
    cached_tokens: int = 0
    """Of the prompts, those that the engine had computed before, where it says so."""

    @property
    def tokens(self) -> tuple[int, int, int]:
        """What a price is for (`money.Price.usd`): of prompts, cached among them, of replies."""
        return self.prompt_tokens, self.cached_tokens, self.completion_tokens


class Shard(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One committed shard: the rows that go on and the rows that do not.

    `input` is a digest of the rows it was made from: a shard is reused only for the same input.
    """

    index: int
    input: str
    part: File
    rejected: File
    counts: Counts
    reasons: dict[str, int]
    usage: Usage
    ids: str = ""
    """What `marks` holds, in hex: of stores before version 0.2."""
    spent: File = NO_FILE
    """What each row's calls took (`shards.SPENT`)."""
    marks: File = NO_FILE
    """Says where a row is without opening the rows (`marks.py`)."""
    by_engine: tuple[Usage, ...] = ()
    """What each engine of a stage with several took, in the stage's order."""

    @property
    def files(self) -> tuple[File, ...]:
        """Those of its files that exist."""
        return tuple(
            file for file in (self.part, self.rejected, self.spent, self.marks) if file.name
        )


class Manifest(msgspec.Struct, frozen=True):
    """All committed shards of one stage folder, in order. `complete`: no more will come."""

    stage: str
    fingerprint: str
    complete: bool = False
    shards: tuple[Shard, ...] = ()
    version: int = 0
    """The number of the commit that made it so."""

    @property
    def counts(self) -> Counts:
        """The sums over all shards."""
        return total(Counts, [shard.counts for shard in self.shards])

    @property
    def usage(self) -> Usage:
        """The sums over all shards."""
        return total(Usage, [shard.usage for shard in self.shards])

    @property
    def by_engine(self) -> tuple[Usage, ...]:
        """The sums over all shards for each engine of the stage."""
        several = [shard.by_engine for shard in self.shards if shard.by_engine]
        return tuple(total(Usage, list(each)) for each in zip(*several, strict=True)) or (
            self.usage,
        )

    @property
    def reasons(self) -> dict[str, int]:
        """Rows dropped or failed, by reason, the most frequent first."""
        found = Counter[str]()
        for shard in self.shards:
            found.update(shard.reasons)
        return dict(found.most_common())

    @property
    def why(self) -> str:
        """The reasons in one line: "13 filter.truncated, 5 filter.language"."""
        return ", ".join(f"{rows} {reason}" for reason, rows in self.reasons.items())


Sums = TypeVar("Sums", Counts, Usage)


def total(kind: type[Sums], parts: list[Sums]) -> Sums:
    """The sums of all fields."""
    names = kind.__struct_fields__
    return kind(**{name: sum(getattr(part, name) for part in parts) for name in names})
