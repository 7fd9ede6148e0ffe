"""Conversations: one column type, the one that chat templates and TRL read."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
"""Turns in order; `role` is system, user or assistant."""


def turn_lines(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Turns as text: "user: Name a river."."""
    return [f"{turn['role']}: {turn['content']}" for turn in messages]


def is_conversation(value: Any) -> bool:
    """Whether it is a list of turns, each with a role and a text."""
    return isinstance(value, list) and all(
        isinstance(turn, dict)
        and turn.get("role") in ("system", "user", "assistant")
        and isinstance(turn.get("content"), str)
        for turn in value
    )
