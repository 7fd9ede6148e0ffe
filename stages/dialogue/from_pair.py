"""Make a conversation of an instruction and its answer.

In:  {instruction: "Name a river.", response: "The Nile."}
Out: {messages: [{role: user, content: "Name a river."}, {role: assistant, content: "The Nile."}]},
     or dropped as dialogue.no_turn where one of them is null or empty
"""

from typing import ClassVar

from typing_extensions import override

import prompts
from stages.base import Columns, Dropped, Fate, Kept, Row, RowStage
from stages.shared.conversation import MESSAGES


class FromPair(RowStage):
    """Two turns; `system` puts one before them."""

    version: ClassVar[int] = 2
    adds: ClassVar[Columns] = {"messages": MESSAGES}

    system: str | None = None
    """`{{ profile }}` in it is filled from the row's column of that name."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return ("instruction", "response", *prompts.holes(self.system or ""))

    @override
    def decide(self, row: Row) -> Fate:
        if not row["instruction"] or not row["response"]:
            return Dropped("dialogue.no_turn")
        system = prompts.fill(self.system, row) if self.system else ""
        turns = [("system", system)] if system else []
        turns += [("user", row["instruction"]), ("assistant", row["response"])]
        return Kept({"messages": [{"role": role, "content": text} for role, text in turns]})
