"""Pairs become conversations, and conversations become text."""

from stages.base import Dropped, Kept
from stages.dialogue.from_pair import FromPair
from stages.dialogue.to_text import ToText
from stages.shared.conversation import MESSAGES


def test_from_pair(as_table):
    rows = [("Hi.", "Hello."), (None, "Hello."), ("Hi.", ""), ("Hi.", None)]
    table = as_table([{"instruction": i, "response": r} for i, r in rows])
    first, *others = FromPair(system="Be short.").apply(table)
    assert first.columns["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hello."},
    ]
    assert others == [Dropped("dialogue.no_turn")] * 3


def test_to_text(as_table):
    turns = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    table = as_table([{"messages": turns}, {"messages": None}], messages=MESSAGES)
    assert ToText().apply(table) == [
        Kept({"transcript": "user: Hi.\n\nassistant: Hello.", "last_answer": "Hello."}),
        Kept({"transcript": "", "last_answer": None}),
    ]
