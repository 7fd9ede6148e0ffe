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


def texts_schema(name: str, least: int, most: int, max_chars: int) -> dict[str, object]:
    """The JSON schema of `{name: [text, …]}` with `least` to `most` texts."""
    texts = {
        "type": "array",
        "items": {"type": "string", "minLength": 2, "maxLength": max_chars},
        "minItems": least,
        "maxItems": most,
    }
    return {
        "type": "object",
        "properties": {name: texts},
        "required": [name],
        "additionalProperties": False,
    }


def parse_texts(text: str, name: str) -> list[str]:
    """The distinct texts of `{name: [text, …]}`, trimmed, in order.

    Raises:
        ReplyError: the reply has another form or holds no text.
    """
    values = parse_object(text).get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ReplyError(f"'{name}' is not a list of texts: {text[:80]!r}")
    distinct = dict.fromkeys(value.strip() for value in values if value.strip())
    if not distinct:
        raise ReplyError(f"'{name}' is empty")
    return list(distinct)


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
