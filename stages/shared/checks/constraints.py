"""What a recipe may constrain replies to: a JSON schema or a regular expression.

Engines compile both into automata, and some inputs make that take forever, take all memory or
end the engine (vLLM #17248, #17313, #43920). So what is hostile by its form is refused when the
recipe is read: remote or circular references, counts that multiply, deep nesting, repetition of
nothing, back references and look-around.
"""

import json
import re
from collections.abc import Iterator, Mapping
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import regex
from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators

_LARGEST = 64 * 1024
_DEEPEST = 32
_MOST_NODES = 2_000
_MOST_REPEATS = 10_000
"""Of one thing, nested counts multiplied."""
_LONGEST_PATTERN = 1_000
_PATIENCE_S = 1.0
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_SAME_PLACE = ("anyOf", "oneOf", "allOf", "not", "if", "then", "else")
"""Keys whose schemas are about the same text as the schema they stand in."""
_LITERAL = ("const", "enum", "default", "examples", "not", "if", "then", "else", "oneOf")
"""Keys under which less would mean another thing."""
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
_REFUSED = {
    sre.GROUPREF: "a back reference",
    sre.GROUPREF_EXISTS: "a conditional group",
    sre.ASSERT: "look-around",
    sre.ASSERT_NOT: "look-around",
    sre.POSSESSIVE_REPEAT: "a possessive repeat",
    sre.ATOMIC_GROUP: "an atomic group",
}


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse what is no schema, or one that an engine should not be given.

    Raises:
        ValueError: with the place in the schema.
    """
    try:
        size = len(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the schema is not JSON ({error})") from None
    if size > _LARGEST:
        raise ValueError(f"the schema has {size} characters, more than {_LARGEST}")
    nodes = list(_walk(schema, "schema", _DEEPEST))
    if len(nodes) > _MOST_NODES:
        raise ValueError(f"the schema has {len(nodes)} parts, more than {_MOST_NODES}")
    for where, node in nodes:
        if isinstance(node, Mapping):
            _check_node(node, where, schema)
    _check_counts(schema, "schema", 1)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"schema: {error.message[:200]}") from None


def without_lengths(schema: Any) -> Any:
    """The schema for an engine: how long strings are is left to the check of what comes.

    xgrammar looks at every token again for each length that a string may still have: 64 sequences
    had 0.55 of their free speed instead of 0.94 (P6 in benchmarks/README.md).
    """
    if isinstance(schema, list):
        return [without_lengths(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: value if key in _LITERAL else without_lengths(value)
        for key, value in schema.items()
        # A property may have such a name; what it is, is no number.
        if not (key in {"minLength", "maxLength"} and type(value) in {int, float})
    }


def _walk(node: Any, where: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth == 0:
        raise ValueError(f"{where[:80]} is nested deeper than {_DEEPEST}")
    yield where, node
    inner: Any = ()
    if isinstance(node, Mapping):
        inner = node.items()
    elif isinstance(node, list):
        inner = enumerate(node)
    for key, value in inner:
        yield from _walk(value, f"{where}.{key}", depth - 1)


def _check_node(node: Mapping[str, Any], where: str, schema: Mapping[str, Any]) -> None:
    for name in ("$dynamicRef", "$recursiveRef"):
        if isinstance(node.get(name), str):
            raise ValueError(f"{where}.{name} is not supported; use a plain $ref")
    _follow(node, where, schema, ())
    if isinstance(node.get("pattern"), str):
        _check_pattern(node["pattern"], f"{where}.pattern")
    if isinstance(node.get("patternProperties"), Mapping):
        for pattern in node["patternProperties"]:
            _check_pattern(pattern, f"{where}.patternProperties")


def _follow(node: Any, where: str, schema: Mapping[str, Any], path: tuple[int, ...]) -> None:
    """Refuse what leads back to itself before any text is read: no grammar ends there."""
    if not isinstance(node, Mapping):
        return
    if id(node) in path:
        raise ValueError(f"{where} refers to itself")
    path = (*path, id(node))
    if isinstance(node.get("$ref"), str):
        _follow(_lookup(node["$ref"], where, schema), where, schema, path)
    for name in _SAME_PLACE:
        inner = node.get(name, ())
        for each in inner if isinstance(inner, list) else [inner]:
            _follow(each, where, schema, path)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches.

    Raises:
        TimeoutError: not known after a second; some patterns take forever on some texts.
    """
    return regex.fullmatch(pattern, text, timeout=_PATIENCE_S) is not None


def _pattern(_validator: Any, pattern: str, text: Any, _schema: Any) -> Iterator[ValidationError]:
    if not isinstance(text, str):
        return
    try:
        if regex.search(pattern, text, timeout=_PATIENCE_S) is None:
            yield ValidationError(f"{text[:80]!r} does not match {pattern!r}")
    except TimeoutError:
        yield ValidationError(f"{pattern!r} takes too long on {text[:80]!r}")


def _names(pattern: str, key: str) -> bool:
    """Whether a pattern of `patternProperties` means the property; in doubt after a second, not."""
    try:
        return regex.search(pattern, key, timeout=_PATIENCE_S) is not None
    except TimeoutError:
        return False


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], value: Any, _schema: Any
) -> Iterator[ValidationError]:
    for pattern, schema in patterns.items() if isinstance(value, dict) else ():
        for key in (key for key in value if _names(pattern, key)):
            yield from validator.descend(value[key], schema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key in value if isinstance(value, dict) else ():
        if key in known or any(_names(pattern, key) for pattern in patterns):
            continue
        if wanted is False:
            yield ValidationError(f"an unexpected property '{key}'")
        else:
            yield from validator.descend(value[key], wanted, path=key)


SchemaValidator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
"""Like jsonschema's, but a pattern may not take forever."""


def _lookup(reference: str, where: str, schema: Mapping[str, Any]) -> Any:
    if not reference.startswith("#"):
        raise ValueError(f"{where}: {reference[:80]} lies outside of the schema")
    found: Any = schema
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, Mapping) and key in found:
            found = found[key]
        else:
            raise ValueError(f"{where}: there is no {reference[:80]} in the schema")
    return found


def _check_counts(node: Any, where: str, times: int) -> None:
    """Refuse counts that come to too much when they are nested."""
    if isinstance(node, Mapping):
        own = [node[name] for name in _COUNTS if isinstance(node.get(name), int | float)]
        times *= max([1, *(int(count) for count in own)])
        if times > _MOST_REPEATS:
            raise ValueError(f"{where} counts to {times}, more than {_MOST_REPEATS}")
        for key, value in node.items():
            _check_counts(value, f"{where}.{key}", times)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            _check_counts(value, f"{where}.{number}", times)


def check_pattern(pattern: str) -> None:
    """Refuse what is no regular expression, or one that an engine should not be given.

    Raises:
        ValueError: with what is wrong.
    """
    _check_pattern(pattern, "pattern")


def _check_pattern(pattern: str, where: str) -> None:
    if len(pattern) > _LONGEST_PATTERN:
        length = len(pattern)
        raise ValueError(f"{where} has {length} characters, more than {_LONGEST_PATTERN}")
    try:
        parsed = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{where} is no regular expression ({error})") from None
    _check_parsed(parsed, where, 1)


def _check_parsed(parsed: Any, where: str, times: int) -> None:
    for operator, argument in parsed:
        if operator in _REFUSED:
            raise ValueError(f"{where} has {_REFUSED[operator]}, which engines do not take")
        inner = times
        if operator in _REPEATS:
            least, most, repeated = argument
            if most is sre.MAXREPEAT and repeated.getwidth()[0] == 0:
                raise ValueError(f"{where} repeats without end what may be empty")
            inner = times * max(1, least if most is sre.MAXREPEAT else most)
            if inner > _MOST_REPEATS:
                raise ValueError(f"{where} counts to {inner}, more than {_MOST_REPEATS}")
        for part in _parts(operator, argument):
            _check_parsed(part, where, inner)


def _parts(operator: Any, argument: Any) -> list[Any]:
    if operator in _REPEATS:
        return [argument[2]]
    if operator is sre.SUBPATTERN:
        return [argument[-1]]
    if operator is sre.BRANCH:
        return list(argument[1])
    return []
