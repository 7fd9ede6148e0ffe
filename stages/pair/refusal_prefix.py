"""Begin a safe answer in the middle of a harmful one, so that a model learns to stop at any point.

In:  {harmful: "First take the …", safe: "I will not help with that, because …"}
Out: {response: "First take I will not help …", prefix_words: 2}; the prefix is not trained on

Decoupled refusal training (DeRTa, arXiv:2407.09121): of every three rows one has no prefix, the
others a random one of 1 to n - 2 of the harmful answer's n words, by the row's seed. Rows whose
harmful answer has under four words get none.
"""

import random
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, Row, RowStage


class RefusalPrefix(RowStage):
    """Harmful text stays in the rows: publish them so that nobody takes them for advice."""

    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("derta",)
    uses_seed: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("harmful", "safe", "seed")
    adds: ClassVar[Columns] = {"response": pa.string(), "prefix_words": pa.int64()}

    @override
    def decide(self, row: Row) -> Fate:
        words = (row["harmful"] or "").split()
        draw = random.Random(row["seed"])
        none = draw.randrange(3) == 0 or len(words) < 4
        count = 0 if none else draw.randint(1, len(words) - 2)
        text = " ".join([*words[:count], (row["safe"] or "").strip()])
        return Kept({"response": text, "prefix_words": count})
