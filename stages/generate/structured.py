"""Answer an instruction in a form: JSON by a schema, or text by a regular expression.

In:  {instruction: "Who wrote Faust?"}
Out: {response: '{"author": "Goethe"}', response_finish_reason: "stop"}

The engine holds the model to the form, except for how long strings may be, which would take up to
45 % of its speed (P6 in benchmarks/README.md). What comes is checked in full, because not every
server keeps its word and because a reply may be cut off. One that does not fit is an unreadable
reply (`on_parse_error`).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator
from typing_extensions import override

from stages.ask import Ask, Capability, Sample
from stages.base import Fate, Row
from stages.errors import ReplyError
from stages.generate.respond import Respond
from stages.shared.constraints import (
    SchemaValidator,
    check_pattern,
    check_schema,
    matches,
    without_lengths,
)
from stages.shared.unicode import parse_json


class Structured(Respond):
    """Either `json_schema` (draft 2020-12) or `pattern`, which the whole answer must match."""

    version: ClassVar[int] = 2

    json_schema: Mapping[str, Any] | None = None
    pattern: str | None = None

    @field_validator("json_schema")
    @classmethod
    def _harmless_schema(cls, schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if schema is not None:
            check_schema(schema)
        return schema

    @field_validator("pattern")
    @classmethod
    def _harmless_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            check_pattern(pattern)
        return pattern

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.json_schema is None) == (self.pattern is None):
            raise ValueError("give either json_schema or pattern")
        return self

    @property
    @override
    def requires(self) -> frozenset[Capability]:
        return super().requires | {"schema" if self.json_schema is not None else "pattern"}

    def ask(self, row: Row) -> Ask | Fate:
        """The question as it stands, the form beside it."""
        ask = super().ask(row)
        if not isinstance(ask, Ask):
            return ask
        return replace(ask, schema=without_lengths(self.json_schema), pattern=self.pattern)

    def _columns(self, sample: Sample) -> dict[str, str]:
        """Of an answer that has the form; what is stored as JSON is JSON."""
        if self.pattern is not None:
            self._match(self.pattern, sample.text)
            return super()._columns(sample)
        return super()._columns(replace(sample, text=self._valid(sample.text)))

    def _match(self, pattern: str, text: str) -> None:
        try:
            fits = matches(pattern, text)
        except TimeoutError:
            raise ReplyError(f"the pattern takes too long on {text[:80]!r}") from None
        if not fits:
            raise ReplyError(f"it does not match the pattern: {text[:80]!r}")

    def _valid(self, text: str) -> str:
        """`text`, or where it has a raw newline in a string its value written anew."""
        try:
            value = parse_json(text)
        except (ValueError, RecursionError) as error:
            raise ReplyError(f"not JSON ({error}): {text[:80]!r}") from None
        wrong = next(self._validator.iter_errors(value), None)
        if wrong is not None:
            raise ReplyError(f"{wrong.json_path}: {wrong.message[:200]}")
        try:
            json.loads(text)
        except ValueError:
            return json.dumps(value, ensure_ascii=False)
        return text

    @cached_property
    def _validator(self) -> Any:
        return SchemaValidator(self.json_schema or {})
