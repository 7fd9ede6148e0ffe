"""Make a conversation of an instruction and its answer.

In:  {instruction: "Name a river.", response: "The Nile."}
Out: {messages: [{role: user, content: "Name a river."}, {role: assistant, content: "The Nile."}]},
     or dropped as dialogue.no_turn where one of them is null or empty
"""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from stages.base import Columns, Dropped, Fate, Kept, TableStage
from stages.shared.conversation import MESSAGES


class FromPair(TableStage):
    """Two turns; `system` puts one before them."""

    needs: ClassVar[tuple[str, ...]] = ("instruction", "response")
    adds: ClassVar[Columns] = {"messages": MESSAGES}

    system: str | None = None

    def apply(self, table: pa.Table) -> Sequence[Fate]:
        """A conversation for each row."""
        pairs = zip(*(table[name].to_pylist() for name in self.needs), strict=True)
        return [self._fate(instruction, response) for instruction, response in pairs]

    def _fate(self, instruction: str | None, response: str | None) -> Fate:
        if not instruction or not response:
            return Dropped("dialogue.no_turn")
        turns = [("system", self.system)] if self.system else []
        turns += [("user", instruction), ("assistant", response)]
        return Kept({"messages": [{"role": role, "content": text} for role, text in turns]})
