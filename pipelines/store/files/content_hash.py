"""One hash for what a dataset says, however it was cut into shards."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def content_hash(tables: Iterable[pa.Table], schema: pa.Schema) -> str:
    """Sha256 in hex of the rows of `tables` in their order, with names and types of columns.

    Every column is one stream of values, so where a shard ends leaves no trace; nor do file
    names, compression, or whether Arrow kept a mask for nulls that are not there.
    """
    columns = [_Column() for _ in schema]
    for table in tables:
        for column, field in zip(columns, schema, strict=True):
            for chunk in table[field.name].cast(field.type).chunks:
                column.add(chunk)
    whole = hashlib.sha256()
    for column, field in zip(columns, schema, strict=True):
        whole.update(f"{field.name}\x1f{_kind(field.type)}\x1f{column.hexdigest()}\x1e".encode())
    return whole.hexdigest()


def _kind(kind: pa.DataType) -> str:
    """The type's name; Parquet calls the items of a list otherwise than Arrow."""
    if pa.types.is_list(kind):
        return f"list<{_kind(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return "struct<" + ", ".join(f"{field.name}: {_kind(field.type)}" for field in kind) + ">"
    return str(kind)


class _Column:
    """The values of a column or, in a nested one, of a level below it."""

    def __init__(self) -> None:
        self._lengths, self._values = hashlib.sha256(), hashlib.sha256()
        self._below: dict[str, _Column] = {}

    def add(self, values: pa.Array) -> None:
        """Take in more values; nulls count as length -1 and have no content."""
        kind = values.type
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            self._note(pc.list_value_length(values))
            self._child("item").add(values.drop_null().flatten())
        elif pa.types.is_struct(kind):
            self._note(pc.if_else(values.is_valid(), 1, None))
            for field, part in zip(kind, values.drop_null().flatten(), strict=True):
                self._child(field.name).add(part)
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
            there = values.drop_null().cast(pa.large_binary())
            self._note(pc.binary_length(values))
            self._values.update(b"".join(there.to_pylist()))
        else:
            self._note(pc.if_else(values.is_valid(), 1, None))
            self._values.update(_plain(values.drop_null()))

    def _note(self, lengths: pa.Array) -> None:
        self._lengths.update(np.asarray(pc.fill_null(lengths.cast(pa.int64()), -1)).tobytes())

    def _child(self, name: str) -> "_Column":
        return self._below.setdefault(name, _Column())

    def hexdigest(self) -> str:
        """The hash of all that was added."""
        below = {name: column.hexdigest() for name, column in sorted(self._below.items())}
        text: Any = (self._lengths.hexdigest(), self._values.hexdigest(), below)
        return hashlib.sha256(repr(text).encode()).hexdigest()


def _plain(values: pa.Array) -> bytes:
    plain = np.ascontiguousarray(values.to_numpy(zero_copy_only=False))
    if plain.dtype == object:
        raise TypeError(f"no hash is known of values of type {values.type}")
    return plain.tobytes()
