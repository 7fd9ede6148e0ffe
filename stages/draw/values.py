"""Draw a value for each row, such as a style, a topic or a system message.

In:  any row
Out: {tone: "formal"}, a column for each name in `values`

    - {use: draw.values, values: {tone: [formal, casual], kind: [advice, facts]}}

Each name by itself, each of its values as likely as the others, by the row's own seed: neither
neighbours nor the order of names change what a row gets. A value that stands twice is twice as
likely.
"""

import random
from collections.abc import Mapping
from typing import Annotated, ClassVar

import pyarrow as pa
from annotated_types import MinLen
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage


class Values(RowStage):
    """Uniform and independent."""

    uses_seed: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("seed",)

    values: Mapping[str, Annotated[tuple[str, ...], MinLen(1)]] = Field(min_length=1)
    """By the new column's name."""

    @property
    @override
    def adds(self) -> Columns:
        return dict.fromkeys(self.values, pa.string())

    @override
    def decide(self, row: Row) -> Fate:
        drawn = {
            name: random.Random(f"{row['seed']} {name}").choice(values)
            for name, values in self.values.items()
        }
        return Kept(drawn)
