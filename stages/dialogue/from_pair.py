"""Make a conversation of an instruction and its answer.

In:  {instruction: "Name a river.", response: "The Nile."}
Out: {messages: [{role: user, content: "Name a river."}, {role: assistant, content: "The Nile."}]},
     or dropped as dialogue.no_turn where one of them is null or empty
"""

from typing import ClassVar

from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Row, RowStage
from stages.shared.conversation import MESSAGES


class FromPair(RowStage):
    """Two turns; `system` puts one before them."""

    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")
    adds: ClassVar[Columns] = {"messages": MESSAGES}

    system: str | None = None

    @override
    def decide(self, row: Row) -> Fate:
        if not row["instruction"] or not row["response"]:
            return Dropped("dialogue.no_turn")
        turns = [("system", self.system)] if self.system else []
        turns += [("user", row["instruction"]), ("assistant", row["response"])]
        return Kept({"messages": [{"role": role, "content": text} for role, text in turns]})
