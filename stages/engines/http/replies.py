"""What every protocol's replies are checked for: counts, texts, and who answered."""

import re
from typing import Any

_MOST_TOKENS = 2**40
"""Larger counts are refused as invalid."""


class NoReplyError(Exception):
    """The body is not what was asked for; the same call may bring it."""


MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError)
"""What reading a body of another form raises."""


def count(value: Any) -> int:
    """A number of tokens; 0 where the body has none.

    Raises:
        ValueError: it is no such number.
    """
    found = int(value or 0)
    if not 0 <= found < _MOST_TOKENS:
        raise ValueError(f"{found} tokens")
    return found


def text(value: Any) -> str:
    """A text; empty for null.

    Raises:
        TypeError: it is not a text.
    """
    if value is not None and not isinstance(value, str):
        raise TypeError(f"a text of type {type(value).__name__}")
    return value or ""


def check_model(said: str, model: str, answers_as: str | None) -> None:
    """Refuse the answer of another model than `model`.

    A dated or a shortened form of its name is its own; `answers_as` says which other name is.

    Raises:
        NoReplyError: with what to write if it is right.
    """
    # `-4-5-2025…` is another model than `-4`; a date or a number of a build has more digits.
    dated = re.fullmatch(re.escape(model) + r"([:@]\d.*|-\d{3}.*)?", said)
    own = bool(dated) or model.endswith(f"/{said}") or said.endswith(f"/{model}")
    if not (own if answers_as is None else said == answers_as):
        say = f"set `answers_as: {said[:80]}` if that is right"
        raise NoReplyError(f"another model answered, {said[:80]} for {model}; {say}")
