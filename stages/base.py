"""The stage contract, on one screen.

A stage is a frozen pydantic model: its fields are its configuration, and its file is its name
(`use: judge.quality` is `stages/judge/quality.py`). It has one of five shapes, `PromptStage`,
`MultiCallStage`, `TableStage`, `GroupStage` or `SetStage`, and gives every row exactly one fate:

    Kept        the same row goes on, with more or changed columns
    Derived     new rows come of it, and it is their parent
    Dropped     it worked and did not pass, for a reason
    Failed      it could not be worked on, because of an error
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Protocol

import pyarrow as pa
from annotated_types import MinLen
from pydantic import BaseModel, BeforeValidator, ConfigDict
from typing_extensions import override

from stages.ask import Ask, Capability, Reply, Sampling

Row = Mapping[str, Any]
"""A read-only row: `id` (32 hex digits), `parents` (ids), then the columns stages have added."""

Columns = Mapping[str, pa.DataType]

Role = Literal["source", "generate", "filter", "annotate", "judge", "dedup", "select", "pair"]


@dataclass(frozen=True, slots=True)
class Kept:
    """The row goes on. `columns`: what the stage adds or changes."""

    columns: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Derived:
    """New rows come of this one; each is given as its changes to the parent's columns.

    A row may name its own `parents` where there are several. `parent`, if given, holds the
    changes with which the parent itself goes on beside its children. No rows and no `parent`
    means: a parent whose children stand with another of their parents.
    """

    rows: tuple[Row, ...] = ()
    parent: Row | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """The row does not pass. `reason`: a short constant to count by; `detail`: this row's case."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The row could not be worked on. `reason` to count by, `detail` with the error in full."""

    reason: str
    detail: str = ""


Fate = Kept | Derived | Dropped | Failed


class ShardReader(Protocol):
    """All rows of a set stage's input, shard by shard; can be read more than once."""

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The shards in order, restricted to `columns`."""
        ...


class Stage(BaseModel):
    """What the four shapes share: columns in, columns out, identity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: ClassVar[int] = 1
    """Raised when the stage's code starts to decide differently; part of the fingerprint."""
    prompts: ClassVar[tuple[str, ...]] = ()
    """Names of the templates it renders; their hashes are part of the fingerprint."""

    role: ClassVar[Role] = "annotate"
    """What it is for: what figures and budgets go by, and never its path."""
    cites: ClassVar[tuple[str, ...]] = ()
    """Keys in `pipelines/publish/methods.bib` of the work it follows, for a dataset's card."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns it reads."""
        return ()

    @property
    def adds(self) -> Columns:
        """Columns it writes, with Arrow types. One that it also needs is rewritten."""
        return {}

    @property
    def removes(self) -> tuple[str, ...]:
        """Columns that end here."""
        return ()

    @property
    def uses_seed(self) -> bool:
        """Whether the run's seed decides what comes out; if not, runs with other seeds reuse it."""
        return True

    def initial_rows(self) -> Iterable[Row] | None:
        """The rows a first stage starts from; None for a stage that follows another."""
        return None

    def count_initial_rows(self) -> int:
        """How many they are."""
        return sum(1 for _ in self.initial_rows() or ())

    @property
    def derives(self) -> bool:
        """Whether it may make new rows of one; such a prompt stage has no null for a reply."""
        return False

    def max_rows(self, rows: int) -> int:
        """How many rows can go on at most, of `rows` that come in; for estimates."""
        return rows

    def identity(self) -> Row:
        """Facts beyond configuration, version and prompts that decide the output (JSON)."""
        return {}


OnParseError = Annotated[
    Literal["retry", "drop", "null", "fail"],
    BeforeValidator(lambda value: "null" if value is None else value),
]


class MultiCallStage(Stage):
    """Calls of models for each row, one after another or several at once."""

    engine: str | Annotated[tuple[str, ...], MinLen(1)] = "main"
    """Which of the recipe's engines answer; an `Ask` names one of several."""
    on_parse_error: OnParseError = "fail"
    """For a reply that cannot be read: ask again with another seed (twice, then fail; of no use at
    temperature 0), drop the row, let it go on with nulls, or count it as failed."""

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines' names in the recipe."""
        return (self.engine,) if isinstance(self.engine, str) else self.engine

    @property
    def requires(self) -> frozenset[Capability]:
        """What each of its engines must be able to do."""
        return frozenset()

    @property
    def most_calls(self) -> int:
        """Calls for one row at most, those not counted that are asked again."""
        return 1

    @property
    def attempts(self) -> int:
        """How often a call is made in all if its replies cannot be read."""
        return 3 if self.on_parse_error == "retry" else 1

    @property
    def most_tokens(self) -> int:
        """Tokens that one call may write at most, all samples together."""
        return 0 if "embed" in self.requires else Sampling().max_tokens

    def next(self, row: Row, replies: Sequence[Reply]) -> Ask | Sequence[Ask] | Fate:
        """What to ask next, or the row's fate: a pure function of the row and the replies so far.

        `replies` are all that were asked for, in the order of asking.

        Raises:
            ReplyError: a reply does not say what was asked; `on_parse_error` decides.
        """
        raise NotImplementedError


class PromptStage(MultiCallStage):
    """One model call per row, in two pure halves."""

    engine: str = "main"
    """Which of the recipe's engines answers."""

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Ask | Fate:
        return self.read(row, replies[0]) if replies else self.ask(row)

    def ask(self, row: Row) -> Ask | Fate:
        """The request for `row`, or its fate where no call is needed."""
        raise NotImplementedError

    def read(self, row: Row, reply: Reply) -> Fate:
        """The fate of `row` by the engine's reply. Raises as `next` does."""
        raise NotImplementedError


class TableStage(Stage):
    """A shard at a time, without a model and without chance."""

    @property
    def uses_seed(self) -> bool:
        """Rules decide by the row alone."""
        return False

    def apply(self, table: pa.Table) -> Sequence[Fate]:
        """One fate per row of `table`, in its order."""
        raise NotImplementedError


class GroupStage(Stage):
    """Rows that have the same parents, together; without a model and without chance.

    Children are written into their parent's shard, so that groups stream. A row without parents
    is a group of its own.
    """

    @property
    def uses_seed(self) -> bool:
        """Rules decide by the rows alone."""
        return False

    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        """One fate per row of the group, in order."""
        raise NotImplementedError

    def groups(self, table: pa.Table) -> list[list[int]]:
        """Positions of rows that belong together, in the order of their first."""
        found: dict[tuple[str, ...], list[int]] = {}
        keys = zip(table["parents"].to_pylist(), table["id"].to_pylist(), strict=True)
        for position, (parents, row_id) in enumerate(keys):
            found.setdefault(tuple(parents or [row_id]), []).append(position)
        return list(found.values())


class SetStage(Stage):
    """The whole set at once; reads shards, never a list of all rows' columns."""

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in the order of `rows`. `seed` is derived from the run's."""
        raise NotImplementedError
