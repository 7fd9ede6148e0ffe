"""Whether a text has a form: JSON by a schema, or text by a regular expression."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, field_validator, model_validator

from stages.errors import ReplyError
from stages.shared.checks.constraints import SchemaValidator, check_pattern, check_schema, matches
from stages.shared.unicode import parse_json


class FormCheck(BaseModel):
    """Either `json_schema` (draft 2020-12) or `pattern`, which the whole text must match."""

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

    def fitted(self, text: str) -> str:
        """`text`, or where it has a raw newline in a JSON string its value rewritten.

        Raises:
            ReplyError: it has not the form, or that is not known in time.
        """
        if self.pattern is not None:
            _match(self.pattern, text)
            return text
        try:
            value = parse_json(text)
        except (ValueError, RecursionError) as error:
            raise ReplyError(f"not JSON ({error}): {text[:80]!r}") from None
        try:
            wrong = next(self._validator.iter_errors(value), None)
        except RecursionError:
            raise ReplyError(f"nested too deeply: {text[:80]!r}") from None
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


def _match(pattern: str, text: str) -> None:
    try:
        fits = matches(pattern, text)
    except TimeoutError:
        raise ReplyError(f"the pattern takes too long on {text[:80]!r}") from None
    if not fits:
        raise ReplyError(f"it does not match the pattern: {text[:80]!r}")
