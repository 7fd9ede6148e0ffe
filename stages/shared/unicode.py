"""Text that can be stored: Arrow and Parquet hold UTF-8, which has no lone surrogates."""

import json
from typing import Any


def storable(text: str) -> str:
    """`text` with lone surrogates as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def visible(text: str) -> str:
    """`text` with control characters, except line ends and tabs, as their pictures or U+FFFD.

    What a row says may hold escape sequences that set a terminal's title, clear it, or type.
    """
    return text.translate(_CONTROL)


_CONTROL = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), "\ufffd"),
}


def parse_json(text: str, *, finite: bool = True) -> Any:
    """The JSON value of `text`, its strings storable: an escape may hide a lone surrogate.

    Not strict: a raw newline inside a string is a slip of form, and grammars allow it. NaN and
    infinities, which are no JSON, are read only where `finite` is false.

    Raises:
        ValueError: it is not JSON, or holds a number that no machine reads.
        RecursionError: it is nested too deeply.
    """
    value = json.loads(text, strict=False, parse_constant=_refuse if finite else None)
    if text.isascii() and "\\u" not in text:
        return value
    written = json.dumps(value, ensure_ascii=False)
    clean = storable(written)
    return value if clean == written else json.loads(clean)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
