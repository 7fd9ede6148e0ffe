"""Which columns of a dataset a person reads, by their names."""

from collections.abc import Iterable

_USUAL = (("instruction", "chosen", "rejected"), ("messages",), ("instruction", "response"))
_OF_NO_TEXT = ("finish_reason", "_model", "_by", "_prompt", "_reply", "_verdict", "seed_task")


def usual(columns: Iterable[str]) -> tuple[str, ...]:
    """A pair, a conversation, or a request with its answer: the first that is there, or nothing."""
    there = set(columns)
    return next((names for names in _USUAL if there.issuperset(names)), ())


def is_read(column: str) -> bool:
    """Whether it may say something to a reader: no id, and no note of how a text came about."""
    return column not in ("id", "parents") and not column.endswith(_OF_NO_TEXT)
