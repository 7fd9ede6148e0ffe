"""Hold each pair's answers against answers to other questions, for a reward model.

In:  {instruction: "Name a river.", chosen: "The Nile.", rejected: "No."}, and the other pairs
Out: the pair, and up to 14 children: both of its answers against the two answers of two other
     pairs (8, `kind: off_topic`), and those four against each other (6, `kind: same`)

A reward model learns so that an answer has to be one to this question, whatever its form (RRM,
arXiv:2409.13156). The two others are drawn by chance, never the pair itself and never the same
twice: the published port draws by shuffles that leave some in place, and then lets an answer win
against itself. Answers that are equal make no pair. Pairs of the kind `same` are neither better nor
worse: `tie: true`. With fewer than three pairs none is made.
"""

import itertools
import random
from collections.abc import Iterable, Iterator
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Derived, Fate, Role, Row, SetStage, ShardReader

_SIDES = ("chosen", "rejected")


class Augmented(SetStage):
    """Holds all pairs' answers in memory."""

    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("rrm",)
    needs: ClassVar[tuple[str, ...]] = ("instruction", *_SIDES)
    adds: ClassVar[Columns] = {
        **{name: pa.string() for name in _SIDES},
        "kind": pa.string(),
        "tie": pa.bool_(),
    }
    derives: ClassVar[bool] = True

    @override
    def max_rows(self, rows: int) -> int:
        return 15 * rows

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        pairs = [row for table in rows.tables(["id", *_SIDES]) for row in table.to_pylist()]
        draw = random.Random(seed)
        for place, row in enumerate(pairs):
            own = {"kind": "own", "tie": False}
            if len(pairs) < 3:
                yield Derived((), parent=own)
                continue
            others = draw.sample(range(len(pairs) - 1), 2)
            # Places behind the row's own move up by one, so that it is never drawn.
            j, k = (pairs[other + (other >= place)] for other in others)
            yield Derived(tuple(_children(row, (j, k), draw)), parent=own)


def _children(row: Row, others: tuple[Row, Row], draw: random.Random) -> Iterator[Row]:
    foreign = [(other, other[side]) for other in others for side in _SIDES]
    for side, (other, text) in itertools.product(_SIDES, foreign):
        if row[side] and text and row[side] != text:
            yield _child(row, row[side], text, [other["id"]], "off_topic")
    for pair in itertools.combinations(foreign, 2):
        (one, first), (two, second) = pair if draw.random() < 0.5 else pair[::-1]
        if first and second and first != second:
            ids = dict.fromkeys([one["id"], two["id"]])
            yield _child(row, first, second, list(ids), "same")


def _child(row: Row, chosen: str, rejected: str, others: list[str], kind: str) -> Row:
    return {
        "parents": [row["id"], *others],
        "chosen": chosen,
        "rejected": rejected,
        "kind": kind,
        "tie": kind == "same",
    }
