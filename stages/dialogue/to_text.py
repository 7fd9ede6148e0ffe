r"""Write a conversation as text, for judges, embeddings and dedup.

In:  {messages: [{role: user, content: "Name a river."}, {role: assistant, content: "The Nile."}]}
Out: {transcript: "user: Name a river.\n\nassistant: The Nile.", last_answer: "The Nile."}
"""

from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.conversation import turn_lines


class ToText(RowStage):
    """`last_answer` is the last turn of the assistant, null without one."""

    needs: ClassVar[tuple[str, ...]] = ("messages",)
    adds: ClassVar[Columns] = {"transcript": pa.string(), "last_answer": pa.string()}

    @override
    def decide(self, row: Row) -> Fate:
        turns = row["messages"] or []
        answers = [turn["content"] for turn in turns if turn["role"] == "assistant"]
        transcript = "\n\n".join(turn_lines(turns))
        return Kept({"transcript": transcript, "last_answer": answers[-1] if answers else None})
