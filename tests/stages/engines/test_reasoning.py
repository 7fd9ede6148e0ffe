"""Thoughts are parted from answers, whoever marks them."""

import pytest

from stages.ask import Reply, Sample
from stages.engines.reasoning import parted


@pytest.mark.parametrize(
    ("text", "prompt", "thought", "answer"),
    [
        ("The Nile.", "<|im_start|>assistant\n", "", "The Nile."),
        ("<think>\nA river?\n</think>\n\nThe Nile.", "", "A river?", "The Nile."),
        ("A river?\n</think>\n\nThe Nile.", "assistant\n<think>\n", "A river?", "The Nile."),
        ("<think>cut off", "", "cut off", ""),
        ("cut off", "assistant\n<think>\n", "cut off", ""),
        ("The tag </think> ends a thought.", "", "", "The tag </think> ends a thought."),
        ("<think></think>  indented", "", "", "  indented"),
    ],
)
def test_parted(text, prompt, thought, answer):
    (sample,) = parted(Reply((Sample(text),)), prompt).samples
    assert (sample.reasoning, sample.text) == (thought, answer)


def test_what_the_server_has_parted_stays():
    reply = Reply((Sample("<think> is a tag", reasoning="They ask for a tag."),))
    assert parted(reply) == reply
