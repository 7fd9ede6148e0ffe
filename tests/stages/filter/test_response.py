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
        ("Sorry, I can't.", "stop", "filter.refusal"),
        ("I cannot assist with that request.", "stop", "filter.refusal"),
        ("Here's the revised explanation: it is long.", "stop", "filter.revision"),
        ("**Revised Answer:**\nThe Nile.", "stop", "filter.revision"),
        ("I apologize for the oversight in my previous response.", "stop", "filter.revision"),
        ("Thank you for the feedback.", "stop", "filter.revision"),
    ],
)
def test_each_reason(text, finish_reason, reason):
    fate = Response().decide({"response": text, "response_finish_reason": finish_reason})
    assert isinstance(fate, Dropped)
    assert fate.reason == reason


def test_refusals_can_be_kept():
    row = {"response": "I cannot help with that.", "response_finish_reason": "stop"}
    assert Response(refusals=True).decide(row) == Kept()


@pytest.mark.parametrize(
    "text",
    [
        "The Nile.",
        "Here's a revised version of your essay: …",
        "Thank you for your order of 3 May.",
        "A good answer to a child is a short one.",
        "Sorry is a song by Justin Bieber, released in 2015.",
        "Sorry, it's a trick question: the answer is 4.",
        "Traceback:\n    a = b + c\n        ^^^^^^^^^^^^^\n",
    ],
)
def test_an_answer_passes(text):
    assert Response().decide({"response": text, "response_finish_reason": "stop"}) == Kept()
