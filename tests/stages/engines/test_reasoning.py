"""Thoughts are parted from answers, marked by the model, its template or the server."""

import pytest

from stages.ask import Ask, Chat, Message, Raw, Reply, Sample, chat
from stages.engines.model.reasoning import parted

THOUGHT = "<think>\nA river?\n</think>\n\nThe Nile."


@pytest.mark.parametrize(
    ("text", "prompt", "thought", "answer"),
    [
        ("The Nile.", "<|im_start|>assistant\n", "", "The Nile."),
        (THOUGHT, "", "A river?", "The Nile."),
        ("A river?\n</think>\n\nThe Nile.", "assistant\n<think>\n", "A river?", "The Nile."),
        ("A river?</think>\n\nThe Nile.", "", "A river?", "The Nile."),
        ("<think>cut off", "", "cut off", ""),
        ("cut off", "assistant\n<think>\n", "cut off", ""),
        ("The tag </think> ends a thought.", "", "", "The tag </think> ends a thought."),
        ("Write <think>\nx\n</think>\n.", "", "", "Write <think>\nx\n</think>\n."),
        ("<think></think>  indented", "", "", "  indented"),
    ],
)
def test_parted(text, prompt, thought, answer):
    (sample,) = parted(Reply((Sample(text),)), Ask(chat("x")), prompt).samples
    assert (sample.reasoning, sample.text) == (thought, answer)


@pytest.mark.parametrize(
    "ask",
    [
        Ask(Raw("x")),
        Ask(chat("x"), schema={"type": "object"}),
        Ask(chat("x"), pattern="a"),
        Ask(Chat((Message("user", "x"), Message("assistant", "Write <think>")))),
    ],
)
def test_what_has_no_room_for_thoughts_is_left_as_it_is(ask):
    reply = Reply((Sample('{"topics": []}'),))
    assert parted(reply, ask, "assistant\n<think>\n") == reply


def test_what_the_server_has_parted_stays():
    reply = Reply((Sample("<think> is a tag", reasoning="They ask for a tag."),))
    assert parted(reply, Ask(chat("x"))) == reply
