"""What a reply is asked to be, as a recipe says it: the form, the schema, and the columns read."""

from collections.abc import Mapping, Sequence
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
    "text": '"…"', "texts": '["…", "…"]', "number": "0.5", "integer": "1", "boolean": "true",
}  # fmt: skip
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


_IS: Mapping[str, type | tuple[type, ...]] = {
    "text": str, "texts": list, "number": (int, float), "integer": int, "boolean": bool,
}  # fmt: skip


def _value(item: object, name: str, kind: Given) -> Any:
    """The field `name` of a JSON object, trimmed.

    Raises:
        ReplyError: it is not there, empty, or not of its kind.
    """
    value = item.get(name) if isinstance(item, dict) else None
    if isinstance(kind, str):
        fits = isinstance(value, _IS[kind]) and (kind == "boolean" or not isinstance(value, bool))
    else:
        fits = value in kind
    if kind == "texts" and fits:
        value = _distinct(value)
    if isinstance(value, str):
        value = value.strip()
    if not fits or value in ("", []):
        raise ReplyError(f"'{name}' is {value!r}"[:200])
    return value


def _distinct(values: Any) -> Sequence[str]:
    texts = (value.strip() for value in values if isinstance(value, str))
    return list(dict.fromkeys(text for text in texts if text))
