"""Hostile schemas and regular expressions are refused by their form, at once."""

import time

import pytest

from stages.ask import Reply, Sample
from stages.errors import ReplyError
from stages.generate.structured import Structured
from stages.shared.checks.constraints import check_pattern, check_schema, matches, without_lengths
from tests.support.constraints import (
    BAD_PATTERNS,
    BAD_SCHEMAS,
    BORDER_PATTERNS,
    BORDER_SCHEMAS,
)


def test_there_are_a_hundred():
    assert len(BAD_SCHEMAS) + len(BAD_PATTERNS) >= 100


@pytest.mark.parametrize("schema", BAD_SCHEMAS, ids=range(len(BAD_SCHEMAS)))
def test_a_hostile_schema(schema):
    began = time.thread_time()
    with pytest.raises(ValueError, match="schema"):
        check_schema(schema)
    assert time.thread_time() - began < 1
    with pytest.raises(ValueError, match="json_schema"):
        Structured(json_schema=schema)


@pytest.mark.parametrize("pattern", BAD_PATTERNS)
def test_a_hostile_pattern(pattern):
    began = time.thread_time()
    with pytest.raises(ValueError, match="pattern"):
        check_pattern(pattern)
    with pytest.raises(ValueError, match="pattern"):
        check_schema({"type": "string", "pattern": pattern})
    with pytest.raises(ValueError, match="pattern"):
        check_schema({"type": "object", "patternProperties": {pattern: {}}})
    assert time.thread_time() - began < 1


@pytest.mark.parametrize("schema", BORDER_SCHEMAS, ids=range(len(BORDER_SCHEMAS)))
def test_a_schema_that_is_fine(schema):
    check_schema(schema)


def test_how_long_strings_are_is_left_to_the_check():
    name = {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^a"}
    schema = {
        "type": "object",
        "properties": {"name": name, "maxLength": {"type": "integer"}, "minLength": True},
        "required": ["maxLength"],
        "anyOf": [{"maxLength": 5}, {"const": {"maxLength": 3}}],
        "not": {"maxLength": 2},
    }
    loose = without_lengths(schema)
    assert loose["properties"]["name"] == {"type": "string", "pattern": "^a"}
    assert set(loose["properties"]) == set(schema["properties"])
    assert loose["anyOf"] == [{}, {"const": {"maxLength": 3}}]
    assert loose["not"] == {"maxLength": 2}
    assert schema["properties"]["name"]["maxLength"] == 3
    stage = Structured(json_schema={"type": "string", "maxLength": 3})
    assert stage.ask({"instruction": "x"}).schema == {"type": "string"}
    with pytest.raises(ReplyError, match="too long"):
        stage.read({}, Reply((Sample('"abcd"'),), "m"))


@pytest.mark.parametrize("pattern", BORDER_PATTERNS)
def test_a_pattern_that_is_fine(pattern):
    check_pattern(pattern)


def test_a_text_that_a_pattern_takes_for_ever_on():
    with pytest.raises(TimeoutError):
        matches("(a|aa)+b", "a" * 300)
