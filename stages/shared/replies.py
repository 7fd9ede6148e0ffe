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


REQUEST_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"request": {"type": "string", "minLength": 1, "maxLength": 900}},
    "required": ["request"],
    "additionalProperties": False,
}
"""The JSON schema of one new instruction, `{request: text}`."""


def parse_request(text: str) -> str:
    """The text of `{request: text}`, trimmed.

    Raises:
        ReplyError: the reply has another form or the text is empty.
    """
    request = parse_object(text).get("request")
    if not isinstance(request, str) or not request.strip():
        raise ReplyError(f"no request in {text[:80]!r}")
    return request.strip()
