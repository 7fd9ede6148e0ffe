"""Every template of prompts/ as it is rendered: an edit is seen in full where it is reviewed."""

import json
from pathlib import Path

import pytest

import prompts
from pipelines.recipe.lookup import class_in, known_stages
from stages.base import Stage

LINES = [
    json.loads(line)
    for line in Path(__file__).with_name("renders.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["prompt"])
def test_a_render(line):
    assert prompts.render(line["prompt"], **line["values"]) == line["text"]


def test_none_is_left_out():
    """What a stage renders by itself stands in the stage's gold file."""
    kinds = [class_in(f"stages.{path}", Stage) for path in known_stages()]
    own = {name for kind in kinds if isinstance(kind.prompts, tuple) for name in kind.prompts}
    assert {line["prompt"] for line in LINES} | own | {"dialogue/user"} == set(prompts.names())
