"""Reading replies: the forms of structured output that several stages ask for."""

from collections.abc import Iterator
from contextlib import contextmanager

from stages.errors import ReplyError
from stages.shared.unicode import parse_json


@contextmanager
def reading(call: int) -> Iterator[None]:
    """What cannot be read in here is the reply of this number, and is asked for again."""
    try:
        yield
    except ReplyError as error:
        error.call = call
        raise


def parse_object(text: str) -> dict[str, object]:
    """The JSON object that `text` is.

    Raises:
        ReplyError: it is something else.
    """
    try:
        value = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise ReplyError(f"not JSON ({error}): {text[:80]!r}") from None
    if not isinstance(value, dict):
        raise ReplyError(f"a JSON {type(value).__name__}, not an object: {text[:80]!r}")
    return value
