"""Pairs become conversations, and conversations become text."""

from stages.base import Dropped, Kept
from stages.dialogue.from_pair import FromPair
from stages.dialogue.to_text import ToText


def test_from_pair():
    stage = FromPair(system="Be short.")
    rows = [("Hi.", "Hello."), (None, "Hello."), ("Hi.", ""), ("Hi.", None)]
    first, *others = (stage.decide({"instruction": i, "response": r}) for i, r in rows)
    assert first.columns["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hello."},
    ]
    assert others == [Dropped("dialogue.no_turn")] * 3


def test_to_text():
    turns = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    transcript = "user: Hi.\n\nassistant: Hello."
    whole = Kept({"transcript": transcript, "last_answer": "Hello."})
    assert ToText().decide({"messages": turns}) == whole
    assert ToText().decide({"messages": None}) == Kept({"transcript": "", "last_answer": None})
