"""Drop answers that cannot be trained on.

In:  {response: "The Nile, the Amazon", response_finish_reason: "length"}
Out: the row as it is, or dropped as filter.empty, .truncated, .template_echo, .repetition,
     .revision or .refusal
"""

from collections.abc import Callable
from typing import ClassVar

from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage
from stages.shared.texts import flaws


class Response(RowStage):
    """`refusals: true` keeps answers that begin as a refusal."""

    version: ClassVar[int] = 4
    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("response", "response_finish_reason")
    removes: ClassVar[tuple[str, ...]] = ("response_finish_reason",)

    refusals: bool = False

    @override
    def decide(self, row: Row) -> Fate:
        text = row["response"] or ""
        reason = self.reason(text, row["response_finish_reason"])
        return Dropped(reason, text[:80]) if reason else Kept()

    def reason(self, text: str, finish_reason: str) -> str:
        """Why the answer is dropped; empty if it passes."""
        checks: tuple[tuple[str, Callable[[str], bool]], ...] = (
            ("filter.empty", lambda t: not t.strip()),
            ("filter.truncated", lambda _: finish_reason == "length"),
            ("filter.template_echo", flaws.echoes_template),
            ("filter.repetition", flaws.repeats),
            ("filter.revision", flaws.speaks_of_revision),
            ("filter.refusal", lambda t: not self.refusals and flaws.refuses(t)),
        )
        return next((reason for reason, fails in checks if fails(text)), "")
