"""Begin a safe answer in the middle of a harmful one, so that a model learns to stop at any point.

In:  {harmful: "First take the …", safe: "I will not help with that, because …"}
Out: {response: "First take I will not help …", prefix: "First take"}, or dropped as pair.missing

Decoupled refusal training (DeRTa, arXiv:2407.09121): with chance 1/3 a row has no prefix (every
third row in the original), else a random one of 1 to n - 2 of the harmful answer's n words, by the
row's seed; a harmful answer of under four words gives none. The prefix is not to be trained on: no
export masks it, the column `prefix` says what to mask. Rows of every transition are not made.
"""

import random
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, Row, RowStage


class RefusalPrefix(RowStage):
    """Harmful text stays in the rows: publish them so that nobody takes them for advice."""

    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("derta",)
    uses_seed: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("harmful", "safe", "seed")
    adds: ClassVar[Columns] = {"response": pa.string(), "prefix": pa.string()}

    @override
    def decide(self, row: Row) -> Fate:
        words, safe = (row["harmful"] or "").split(), (row["safe"] or "").strip()
        if not safe:
            return Dropped("pair.missing")
        draw = random.Random(row["seed"])
        none = draw.randrange(3) == 0 or len(words) < 4
        count = 0 if none else draw.randint(1, len(words) - 2)
        prefix = " ".join(words[:count])
        return Kept({"response": f"{prefix} {safe}".strip(), "prefix": prefix})
