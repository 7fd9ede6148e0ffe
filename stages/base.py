"""The stage contract, on one screen.

A stage is a frozen pydantic model in the file of its name: `judge.quality` is judge/quality.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, ClassVar

from annotated_types import MinLen
from pydantic import BaseModel, ConfigDict
from typing_extensions import override

from stages.ask import Ask, Capability, OnParseError, Reply, Sampling
from stages.fates import Derived, Dropped, Failed, Fate, Kept
from stages.rows import Columns, Role, Row, ShardReader

__all__ = ["Columns", "Derived", "Dropped", "Failed", "Fate", "Kept", "Role", "Row", "ShardReader"]


class Stage(BaseModel):
    """What the shapes share: columns in, columns out, identity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: ClassVar[int] = 1
    """Raised when the stage's code starts to decide differently; part of the fingerprint."""
    role: ClassVar[Role] = "annotate"
    """What it is for: what figures and budgets go by, and never its path."""
    cites: ClassVar[tuple[str, ...]] = ()
    """Keys in `pipelines/recipe/methods.bib` of the work it follows, for a dataset's card."""

    @property
    def prompts(self) -> tuple[str, ...]:
        """Names of the templates it renders; their hashes are part of the fingerprint."""
        return ()

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

    @property
    def joins(self) -> tuple[str, ...]:
        """Chains whose rows it takes together; the column `chain` says which one each is of."""
        return ()

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


class MultiCallStage(Stage):
    """Calls of models for each row, one after another or several at once."""

    engine: str | Annotated[tuple[str, ...], MinLen(1)] = "main"
    """Which of the recipe's engines answer; an `Ask` names one of several."""
    on_parse_error: OnParseError = "fail"
    """For an unreadable reply: ask again with another seed (twice, then fail; of no use at
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
    def most_tokens(self) -> int:
        """Tokens that one call may write at most, all samples together."""
        return 0 if "embed" in self.requires else Sampling().max_tokens

    def next(self, row: Row, replies: Sequence[Reply]) -> Ask | Sequence[Ask] | Fate:
        """What to ask next, or the row's fate: a pure function of row and replies, as asked for.

        Raises:
            ReplyError: a reply does not say what was asked; `on_parse_error` decides.
        """
        raise NotImplementedError


class PromptStage(MultiCallStage):
    """One model call per row, in two pure halves."""

    engine: str = "main"

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Ask | Fate:
        return self.read(row, replies[0]) if replies else self.ask(row)

    def ask(self, row: Row) -> Ask | Fate:
        """The request for `row`, or its fate where no call is needed."""
        raise NotImplementedError

    def read(self, row: Row, reply: Reply) -> Fate:
        """The fate of `row` by the engine's reply. Raises as `next` does."""
        raise NotImplementedError


class RowStage(Stage):
    """A row at a time, without a model and without chance."""

    uses_seed: ClassVar[bool] = False

    def decide(self, row: Row) -> Fate:
        """The fate of `row`."""
        raise NotImplementedError


class GroupStage(Stage):
    """Rows that have the same parents, together: a shard has all of them, so that groups stream."""

    uses_seed: ClassVar[bool] = False

    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        """One fate per row of the group, in order."""
        raise NotImplementedError


class SetStage(Stage):
    """The whole set at once; reads shards, never a list of all rows' columns."""

    @property
    def reads(self) -> Mapping[str, Sequence[str]]:
        """Chains it reads whole beside its own rows, each with the columns it reads of it."""
        return {}

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in the order of `rows`. `seed` is derived from the run's."""
        raise NotImplementedError
