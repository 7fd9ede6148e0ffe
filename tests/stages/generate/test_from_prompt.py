"""What a prompt in a recipe must be; what it asks and reads is in the gold file."""

import pytest

from stages.generate.from_prompt import FromPrompt

TEXT = {"instruction": "text"}


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"gives": TEXT}, "give either `prompt`"),
        ({"gives": TEXT, "prompt": "a/b", "template": "x"}, "give either `prompt`"),
        ({"gives": TEXT, "prompt": "skilmix/topics"}, "nearest: skillmix/topics"),
        ({"gives": TEXT, "template": "a\n{{ a }"}, "line 2 of the template"),
        ({"gives": TEXT, "template": "x", "words": {"y": 1}}, "no hole 'y'"),
        ({"gives": {"a": "reply"} | TEXT, "template": "x"}, "`reply` is the whole reply"),
        ({"gives": {"a": "reply", "b": "reply"}, "template": "x"}, "`reply` is the whole reply"),
        ({"gives": {"a": "reply"}, "each": 2, "template": "x"}, "rows are made of JSON"),
        ({"gives": {"a": "finish_reason"}, "template": "x"}, "nothing is read"),
        ({"gives": {"a": "words"}, "template": "x"}, "Input should be"),
    ],
)
def test_what_is_refused(settings, error):
    with pytest.raises(ValueError, match=error):
        FromPrompt(**settings)


def test_holes_are_columns_unless_something_else_fills_them():
    stage = FromPrompt(
        template="{{ a }} {{ c }} {% for d in e %}{{ d }}{% endfor %}",
        words={"a": 1}, gives=TEXT, when="go", temperature=0,
    )  # fmt: skip
    assert stage.needs == ("c", "e", "go")
