"""The names that a recipe gives a stage's columns: `columns: {response: draft}`.

A stage knows its columns by its own names alone. Here they are exchanged for the recipe's, when
rows are read for it and when its fates are carried out. What a name begins follows it: with
`response: draft`, `response_finish_reason` becomes `draft_finish_reason`, unless it is named too;
but not a column that the recipe names in a setting.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from stages.base import Columns, Derived, Fate, Kept, Row, SetStage, ShardReader, Stage

SEED = "seed"
"""What a stage may need beside columns: a number of each row's own (`row_seeds.py`)."""


@dataclass(frozen=True)
class Renaming:
    """`given`: the recipe's names of the stage's own; a column without one keeps its own."""

    stage: Stage
    given: Mapping[str, str]

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The recipe's name of every column that the stage reads, writes or removes."""
        stage = self.stage
        of_chains = stage.reads.values() if isinstance(stage, SetStage) else ()
        own = (*stage.needs, *stage.adds, *stage.removes, *itertools.chain.from_iterable(of_chains))
        return {name: self._name(name) for name in own if name != SEED}

    @property
    def changed(self) -> dict[str, str]:
        """The recipe's names that are not the stage's own: what the renaming decides."""
        return {own: name for own, name in self.names.items() if own != name}

    @cached_property
    def _fixed(self) -> frozenset[str]:
        """Names that stand in the stage's class; others are the recipe's own words for columns."""
        stage = self.stage
        declared = {"needs": stage.needs, "removes": stage.removes}
        said = (names for key, names in declared.items() if not _is_computed(stage, key))
        return frozenset((*stage.adds, *itertools.chain.from_iterable(said)))

    def _name(self, own: str) -> str:
        if own in self.given:
            return self.given[own]
        heads = [n for n in self.given if own.startswith(f"{n}_") and own in self._fixed]
        head = max(heads, key=len, default=None)
        return own if head is None else self.given[head] + own.removeprefix(head)

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns the stage reads, as the recipe calls them."""
        return tuple(self.names[name] for name in self.stage.needs if name != SEED)

    @property
    def adds(self) -> Columns:
        """Columns the stage writes, as the recipe calls them."""
        return {self.names[name]: kind for name, kind in self.stage.adds.items()}

    @property
    def removes(self) -> tuple[str, ...]:
        """Columns that end with the stage, as the recipe calls them."""
        return tuple(self.names[name] for name in self.stage.removes)

    def read(self, table: pa.Table) -> pa.Table:
        """What the stage sees of `table`: ids and parents, and what it needs by its own names."""
        own = [name for name in dict.fromkeys(self.stage.needs) if name in self.names]
        seen = table.select(["id", "parents", *(self.names[name] for name in own)])
        return seen.rename_columns(["id", "parents", *own])

    def row(self, written: Row) -> Row:
        """A row's changes, by the recipe's names."""
        return {self.names.get(name, name): value for name, value in written.items()}

    def fate(self, fate: Fate) -> Fate:
        """`fate` with the recipe's names."""
        if not self.given:
            return fate
        match fate:
            case Kept(columns):
                return Kept(self.row(columns))
            case Derived(rows, parent):
                changes = None if parent is None else self.row(parent)
                return Derived(tuple(map(self.row, rows)), changes)
        return fate

    def reader(self, shards: ShardReader) -> ShardReader:
        """`shards` for a set stage, which asks by its own names."""
        return _Renamed(shards, self) if self.given else shards


def _is_computed(stage: Stage, name: str) -> bool:
    """Whether the stage's settings decide what it is."""
    kind = next(kind for kind in type(stage).__mro__ if name in vars(kind))
    return kind is not Stage and isinstance(vars(kind)[name], property)


@dataclass(frozen=True)
class _Renamed:
    shards: ShardReader
    renaming: Renaming

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """See `ShardReader`."""
        names = self.renaming.names
        own = list(columns or ("id", "parents", *self.renaming.stage.needs))
        for table in self.shards.tables([names.get(name, name) for name in own]):
            yield table.rename_columns(own)

    def chain(self, name: str) -> ShardReader:
        """See `ShardReader`."""
        return _Renamed(self.shards.chain(name), self.renaming)
