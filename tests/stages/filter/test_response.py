import pytest

from stages.base import Dropped, Kept
from stages.filter.response import Response


@pytest.mark.parametrize(
    ("text", "finish_reason", "reason"),
    [
        ("", "stop", "filter.empty"),
        (None, "stop", "filter.empty"),
        ("The Nile, the", "length", "filter.truncated"),
        ("The Nile.<|im_end|>", "stop", "filter.template_echo"),
        (
            "no no no no no no no no no no no no no no no no no no no no no",
            "stop",
            "filter.repetition",
        ),
        ("I cannot assist with that request.", "stop", "filter.refusal"),
    ],
)
def test_each_reason(text, finish_reason, reason):
    fate = Response().decide({"response": text, "response_finish_reason": finish_reason})
    assert isinstance(fate, Dropped)
    assert fate.reason == reason


def test_refusals_can_be_kept():
    row = {"response": "I cannot help with that.", "response_finish_reason": "stop"}
    assert Response(refusals=True).decide(row) == Kept()


def test_an_answer_passes():
    assert Response().decide({"response": "The Nile.", "response_finish_reason": "stop"}) == Kept()
