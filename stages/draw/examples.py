"""Give each row examples, drawn from other chains.

In:  any row, and {instruction: "Name three rivers."} of the chains in `of`
Out: {examples: ["Name three rivers.", "…"]}, in random order

Uniform draws without replacement, afresh for each row, as few-shot methods draw from their pool.
`of` says how many of which chain: `{seeds: 6, pool: 2}` is Self-Instruct's (arXiv:2212.10560).
Where a chain has fewer, as a pool has at first, the others make up for it, in their order.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, ClassVar

import pyarrow as pa
from annotated_types import Ge
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Row, SetStage, ShardReader


class Examples(SetStage):
    """`columns: {instruction: …, examples: …}` draws another column; rows of null are not drawn."""

    cites: ClassVar[tuple[str, ...]] = ("self-instruct",)
    adds: ClassVar[Columns] = {"examples": pa.list_(pa.string())}

    of: Mapping[str, Annotated[int, Ge(0)]] = Field(min_length=1)
    """By the chain's name in the recipe, in `rounds:` also `pool`: examples of it."""

    @property
    @override
    def reads(self) -> Mapping[str, Sequence[str]]:
        return dict.fromkeys(self.of, ("instruction",))

    @override
    def identity(self) -> Row:
        # Which chain makes up for which is said by their order; JSON keys are sorted.
        return {} if list(self.of) == sorted(self.of) else {"order": list(self.of)}

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        texts = {name: _texts(rows.chain(name)) for name in self.of}
        draw = random.Random(seed)
        for table in rows.tables(["id"]):
            for _ in range(table.num_rows):
                examples = self._drawn(texts, draw)
                yield Kept({"examples": examples}) if examples else Dropped("draw.no_examples")

    def _drawn(self, texts: Mapping[str, Sequence[str]], draw: random.Random) -> list[str]:
        wanted = sum(self.of.values())
        # All of each chain in random order; the first ones count, the rest stand by.
        mixed = {name: draw.sample(given, min(wanted, len(given))) for name, given in texts.items()}
        first = [text for name, count in self.of.items() for text in mixed[name][:count]]
        spare = [text for name, count in self.of.items() for text in mixed[name][count:]]
        examples = [*first, *spare][:wanted]
        draw.shuffle(examples)
        return examples


def _texts(rows: ShardReader) -> list[str]:
    found = [t for table in rows.tables(["instruction"]) for t in table["instruction"].to_pylist()]
    return [text for text in found if text is not None]
