r"""Write a conversation as text, for judges, embeddings and dedup.

In:  {messages: [{role: user, content: "Name a river."}, {role: assistant, content: "The Nile."}]}
Out: {transcript: "user: Name a river.\n\nassistant: The Nile.", last_answer: "The Nile."}
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from stages.base import Columns, Fate, Kept, TableStage
from stages.shared.conversation import turn_lines


class ToText(TableStage):
    """`last_answer` is the last turn of the assistant, null without one."""

    needs: ClassVar[tuple[str, ...]] = ("messages",)
    adds: ClassVar[Columns] = {"transcript": pa.string(), "last_answer": pa.string()}

    def apply(self, table: pa.Table) -> Sequence[Fate]:
        """The turns of each row, in order."""
        return [_text(messages or []) for messages in table["messages"].to_pylist()]


def _text(messages: list[dict[str, Any]]) -> Fate:
    answers = [turn["content"] for turn in messages if turn["role"] == "assistant"]
    return Kept(
        {
            "transcript": "\n\n".join(turn_lines(messages)),
            "last_answer": answers[-1] if answers else None,
        }
    )
