"""What a reply is asked to be, as a recipe says it: the form, the schema, and the columns read."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from stages.ask import Reply
from stages.base import Columns, Row
from stages.errors import ReplyError
from stages.shared.replies import parse_object

Kind = Literal["text", "texts", "number", "integer", "boolean", "reply", "finish_reason"]
Given = Kind | tuple[str, ...]
"""What a column holds: a field of a JSON object, one of some texts, the whole reply as it stands,
or why it ended."""

_TYPES: Mapping[str, pa.DataType] = {
    "texts": pa.list_(pa.string()),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}
_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "string", "minLength": 1},
    "texts": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
}
_EXAMPLES: Mapping[str, str] = {
    "text": '"…"', "texts": '["…", "…"]', "number": "…", "integer": "…", "boolean": "true or false",
}  # fmt: skip
"""Without values: a small model that was shown "1" for a mark gave each row a 1."""
_PLAIN = ("reply", "finish_reason")
"""Columns that are no field of a JSON object."""


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """`gives`: what each column holds; `each`: how many rows one reply holds, None for one."""

    gives: Mapping[str, Given]
    each: int | None = None

    def check(self) -> None:
        """Refuse a form that no reply can have.

        Raises:
            ValueError: with what to change.
        """
        whole = [name for name, kind in self.gives.items() if kind == "reply"]
        if len(whole) > 1 or (whole and self._fields()):
            raise ValueError("`reply` is the whole reply: no other column can be read from it")
        if not whole and not self._fields():
            raise ValueError("nothing is read from the reply: give a column `text` or `reply`")
        if whole and self.each:
            raise ValueError("rows are made of JSON: give columns `text`, and no `reply`")

    @property
    def columns(self) -> Columns:
        """The columns with their Arrow types."""
        return {name: _TYPES.get(str(kind), pa.string()) for name, kind in self.gives.items()}

    def _fields(self) -> Mapping[str, Given]:
        return {name: kind for name, kind in self.gives.items() if kind not in _PLAIN}

    def _of(self, wanted: Kind, value: str) -> Row:
        """`value` in the columns of one kind."""
        return {name: value for name, kind in self.gives.items() if kind == wanted}

    def schema(self) -> Mapping[str, Any] | None:
        """The JSON schema of the reply; None where it is text."""
        fields = self._fields()
        if not fields:
            return None
        one = _object({name: _schema(kind) for name, kind in fields.items()})
        if self.each is None:
            return one
        count = {"minItems": self.each, "maxItems": self.each}
        return _object({"items": {"type": "array", "items": one, **count}})

    def sentence(self) -> str:
        """What the prompt ends with; empty where the reply is text."""
        fields = self._fields()
        if not fields:
            return ""
        pairs = ", ".join(f'"{name}": {_example(kind)}' for name, kind in fields.items())
        if self.each is None:
            return f"Reply with one JSON object: {{{pairs}}}."
        return f'Reply with one JSON object: {{"items": [{{{pairs}}}, …]}}, {self.each} in all.'

    def read(self, reply: Reply) -> list[Row]:
        """The columns of each row in the reply; of rows that are alike the first.

        Raises:
            ReplyError: it has another form, is empty, or was cut off where nobody would see it.
        """
        ended = self._of("finish_reason", reply.sample.finish_reason)
        fields = self._fields()
        if not fields:
            return [{**ended, **self._of("reply", _whole(reply, may_be_cut=bool(ended)))}]
        said = parse_object(reply.text)
        items = [said] if self.each is None else said.get("items")
        if not isinstance(items, list) or not items:
            raise ReplyError(f"no list of items in {reply.text[:80]!r}")
        items = items[: self.each or 1]
        rows = [{name: _value(item, name, kind) for name, kind in fields.items()} for item in items]
        distinct = {repr(row): row for row in rows}
        return [{**ended, **row} for row in distinct.values()]


def _whole(reply: Reply, *, may_be_cut: bool) -> str:
    text = reply.text.strip()
    if not text:
        raise ReplyError("the reply is empty")
    if reply.sample.finish_reason == "length" and not may_be_cut:
        raise ReplyError(f"the reply was cut off: {text[-80:]!r}")
    return text


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema(kind: Given) -> Mapping[str, Any]:
    return _SCHEMAS[kind] if isinstance(kind, str) else {"enum": list(kind)}


def _example(kind: Given) -> str:
    if isinstance(kind, str):
        return _EXAMPLES[kind]
    return " or ".join(f'"{each}"' for each in kind)


def _value(item: object, name: str, kind: Given) -> Any:
    """The field `name` of a JSON object, trimmed.

    Raises:
        ReplyError: it is not there, empty, or not of its kind.
    """
    value = item.get(name) if isinstance(item, dict) else None
    try:
        if not isinstance(kind, str):
            return kind[kind.index(value)]
        return _READERS[kind](value)
    except (ValueError, TypeError, OverflowError):
        raise ReplyError(f"'{name}' is {value!r}"[:200]) from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("no text")
    return value.strip()


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError("no list")
    # A text that is left empty is none; what is no text makes the reply unreadable.
    texts = [each.strip() if isinstance(each, str) else _text(each) for each in value]
    if not any(texts):
        raise ValueError("no texts")
    return list(dict.fromkeys(text for text in texts if text))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("no number")
    return float(value)


def _integer(value: Any) -> int:
    if not isinstance(value, int):
        _number(value)
    if isinstance(value, bool) or int(value) != value or not -(2**63) <= value < 2**63:
        raise ValueError("no integer")
    return int(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("no yes or no")
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": _text, "texts": _texts, "number": _number, "integer": _integer, "boolean": _boolean,
}  # fmt: skip
