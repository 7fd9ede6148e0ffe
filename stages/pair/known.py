"""Make a preference pair of two texts of which one is known to be better.

In:  {better: "The Nile, in ten words …", worse: "The Nile."}
Out: {chosen: "The Nile, in ten words …", rejected: "The Nile."}, or dropped as pair.same or
     pair.missing

No judge: which is better is known from how they were made, such as an answer with a constraint and
one without it (Tulu 3, arXiv:2411.15124), or a larger and a smaller model's (arXiv:2507.06187).
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, Row, RowStage


class Known(RowStage):
    """`columns: {better: …, worse: …}` names the two; texts are compared without outer space."""

    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = ("tulu3", "delta-learning")
    needs: ClassVar[tuple[str, ...]] = ("better", "worse")
    adds: ClassVar[Columns] = {"chosen": pa.string(), "rejected": pa.string()}

    @override
    def decide(self, row: Row) -> Fate:
        chosen, rejected = ((row[name] or "").strip() for name in self.needs)
        if not chosen or not rejected:
            return Dropped("pair.missing")
        if chosen == rejected:
            return Dropped("pair.same", chosen[:80])
        return Kept({"chosen": chosen, "rejected": rejected})
