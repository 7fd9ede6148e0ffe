"""Reading replies: the forms of structured output that several stages ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from statistics import fmean

from stages.ask import Reply
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


def mean_given(reply: Reply) -> float:
    """The mean log-probability of the given text's tokens, in nats.

    Raises:
        ReplyError: the reply scores no token, or one as impossible.
    """
    if not reply.given or not all(map(isfinite, reply.given)):
        raise ReplyError("the reply scores no token, or one as impossible")
    return fmean(reply.given)
