"""Drop answers that cannot be trained on.

In:  {response: "The Nile, the Amazon", response_finish_reason: "length"}
Out: the row as it is, or dropped as filter.empty, .truncated, .template_echo, .repetition or
     .refusal
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from stages.base import Dropped, Fate, Kept, Role, TableStage
from stages.filter import text as rules


class Response(TableStage):
    """`refusals: true` keeps answers that begin as a refusal."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("response", "response_finish_reason")
    removes: ClassVar[tuple[str, ...]] = ("response_finish_reason",)

    refusals: bool = False

    def apply(self, table: pa.Table) -> Sequence[Fate]:
        """Judge each answer."""
        texts, finishes = (table[name].to_pylist() for name in self.needs)
        return [self._fate(t, f) for t, f in zip(texts, finishes, strict=True)]

    def _fate(self, text: str, finish_reason: str) -> Fate:
        reason = self.reason(text or "", finish_reason)
        return Dropped(reason, (text or "")[:80]) if reason else Kept()

    def reason(self, text: str, finish_reason: str) -> str:
        """Why the answer is dropped; empty if it passes."""
        if not text.strip():
            return "filter.empty"
        if finish_reason == "length":
            return "filter.truncated"
        if rules.echoes_template(text):
            return "filter.template_echo"
        if rules.repeats(text):
            return "filter.repetition"
        return "filter.refusal" if not self.refusals and rules.refuses(text) else ""
