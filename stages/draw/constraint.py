"""Draw a constraint for each row that a program can check.

In:  any row
Out: {constraint_id: "at_most_words:40", constraint: "Use at most 40 words."}

Twelve kinds, each as likely as the others, by the row's own seed (`shared/texts/checkable.py`).
"""

import random
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.texts.checkable import draw


class Constraint(RowStage):
    """`verify.constraint` checks it."""

    cites: ClassVar[tuple[str, ...]] = ("ifeval",)
    uses_seed: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("seed",)
    adds: ClassVar[Columns] = {"constraint_id": pa.string(), "constraint": pa.string()}

    @override
    def decide(self, row: Row) -> Fate:
        name, sentence = draw(random.Random(row["seed"]))
        return Kept({"constraint_id": name, "constraint": sentence})
