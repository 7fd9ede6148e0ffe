r"""Take named parts out of a text by a regular expression.

In:  {text: "Reason: short. Rating: 4"}
Out: {rating: "4"}, a column for each named group, or dropped as extract.no_match

    - {use: extract.match, columns: {text: critique}, pattern: 'Rating: (?P<rating>\d)', take: last}

`columns` names the column that is read, and may rename the groups' columns. A group that took no
part in the match is null. `.` matches line ends too. An expression that takes longer than a second
on a text is given up for that row, which fails.
"""

import itertools
from typing import ClassVar, Literal

import pyarrow as pa
import regex
from pydantic import field_validator
from typing_extensions import override

from stages.base import Columns, Dropped, Failed, Fate, Kept, Row, RowStage

_PATIENCE_S = 1.0


class Match(RowStage):
    """The first match in the text, or the last."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    pattern: str
    """With at least one named group."""
    take: Literal["first", "last"] = "first"
    missing: Literal["drop", "null"] = "drop"
    """What becomes of a text without a match."""

    @field_validator("pattern")
    @classmethod
    def _named(cls, pattern: str) -> str:
        try:
            names = regex.compile(pattern).groupindex
        except regex.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        if not names:
            raise ValueError("the pattern names no group: write (?P<name>…)")
        return pattern

    @property
    def _compiled(self) -> regex.Pattern[str]:
        return regex.compile(self.pattern, regex.DOTALL)

    @property
    @override
    def adds(self) -> Columns:
        return dict.fromkeys(self._compiled.groupindex, pa.string())

    @override
    def decide(self, row: Row) -> Fate:
        try:
            matches = self._compiled.finditer(row["text"] or "", timeout=_PATIENCE_S)
            found = list(matches if self.take == "last" else itertools.islice(matches, 1))
        except TimeoutError:
            return Failed("extract.too_long", f"the pattern takes longer than {_PATIENCE_S:.0f} s")
        if not found:
            return Kept() if self.missing == "null" else Dropped("extract.no_match")
        parts = found[-1].groupdict()
        return Kept({name: value and value.strip() for name, value in parts.items()})
