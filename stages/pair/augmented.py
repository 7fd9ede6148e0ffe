"""Hold each pair's answers against answers to other questions, for a reward model.

In:  {instruction: "Name a river.", chosen: "The Nile.", rejected: "No."}, and the other pairs
Out: the pair, and up to 14 children: both of its answers against the two answers of two other
     pairs (8, `kind: off_topic`), and those four against each other (6, `kind: same`)

A reward model learns so that an answer has to be one to this question, whatever its form (RRM,
arXiv:2409.13156). The two others are drawn by chance among the pairs of other instructions, each of
another one: the published port draws by shuffles that leave some in place, and then lets an answer
win against itself. Answers that are equal make no pair. Pairs of the kind `same` are neither better
nor worse: `tie: true`. With fewer than three instructions none is made. What `scores` names is null
in the children, because it is true of the pair alone.
"""

import itertools
import random
from collections import defaultdict
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
    derives: ClassVar[bool] = True

    scores: tuple[str, ...] = ()
    """Columns of numbers that say something of the pair, such as `margin` and `chosen_score`."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return ("instruction", *_SIDES, *self.scores)

    @property
    @override
    def adds(self) -> Columns:
        own = {"kind": pa.string(), "tie": pa.bool_()}
        scores = dict.fromkeys(self.scores, pa.float64())
        return {**dict.fromkeys(_SIDES, pa.string()), **own, **scores}

    @override
    def max_rows(self, rows: int) -> int:
        return 15 * rows

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        columns = ["id", "instruction", *_SIDES]
        pairs = [row for table in rows.tables(columns) for row in table.to_pylist()]
        by_question: dict[str, list[Row]] = defaultdict(list)
        for row in pairs:
            by_question[row["instruction"] or ""].append(row)
        questions, draw = list(by_question), random.Random(seed)
        places = {question: place for place, question in enumerate(questions)}
        for row in pairs:
            own = {"kind": "own", "tie": False}
            if len(questions) < 3:
                yield Derived((), parent=own)
                continue
            place = places[row["instruction"] or ""]
            # Places behind the row's own move up by one, so that it is never drawn.
            drawn = [
                other + (other >= place) for other in draw.sample(range(len(questions) - 1), 2)
            ]
            j, k = (draw.choice(by_question[questions[other]]) for other in drawn)
            children = _children(row, (j, k), draw)
            yield Derived(tuple({**child, **self._nothing} for child in children), parent=own)

    @property
    def _nothing(self) -> Row:
        return dict.fromkeys(self.scores)


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
