"""Who speaks when, what each side sees, and what is never kept."""

import pytest
from pydantic import ValidationError

from stages.ask import Reply, Sample
from stages.base import Kept
from stages.dialogue.simulate import Simulate
from stages.errors import ReplyError

ROW = {"id": "row0", "parents": [], "instruction": "Name a river."}


def said(*texts):
    return tuple(Reply((Sample(text),)) for text in texts)


def test_the_assistant_sees_the_conversation_and_the_user_a_description_of_it():
    stage = Simulate(turns=2, engine=("assistant", "user"), system="Be short.")
    first = stage.next(ROW, ())
    assert (first.engine, [m.role for m in first.prompt.messages]) == (
        "assistant",
        ["system", "user"],
    )
    second = stage.next(ROW, said("The Nile."))
    (message,) = second.prompt.messages
    assert (second.engine, message.role) == ("user", "user")
    assert message.content.index("Name a river.") < message.content.index("The Nile.")
    assert "Be short." not in message.content
    third = stage.next(ROW, said("The Nile.", "And how long is it?"))
    roles = [(m.role, m.content) for m in third.prompt.messages[1:]]
    assert roles == [
        ("user", "Name a river."), ("assistant", "The Nile."), ("user", "And how long is it?"),
    ]  # fmt: skip
    fate = stage.next(ROW, said("The Nile.", "And how long is it?", " 6,650 km. "))
    assert fate.columns["turns"] == 2
    assert fate.columns["messages"][-1] == {"role": "assistant", "content": "6,650 km."}
    assert len(fate.columns["messages"]) == 4


@pytest.mark.parametrize("last", [Sample("  "), Sample("It is", "length"), Sample("Name a river.")])
def test_a_turn_that_is_empty_cut_off_or_repeated_is_none(last):
    with pytest.raises(ReplyError) as refused:
        Simulate().next(ROW, (*said("The Nile."), Reply((last,))))
    assert refused.value.call == 1


@pytest.mark.parametrize("text", ["You're welcome!", "Thanks a lot.", "NAME a  river please"])
def test_a_user_who_asks_nothing_new_is_none(text):
    with pytest.raises(ReplyError):
        Simulate().next(ROW | {"instruction": "Name a river please"}, said("The Nile.", text))


def test_a_long_question_asked_again_is_none():
    asked = "Which of the three rivers that you named is the longest, and how long is it?"
    again = asked.replace("three rivers", "rivers")
    with pytest.raises(ReplyError, match="repeats"):
        Simulate().next(ROW, said("The Nile.", asked, "The Nile, I think.", again))


def test_a_question_that_differs_in_a_word_is_another():
    turn = said("Paris.", "What is the capital of Spain?", "Madrid.")
    row = ROW | {"instruction": "What is the capital of France?"}
    assert Simulate(turns=2).next(row, turn).columns["turns"] == 2


def test_the_assistant_may_say_nearly_the_same():
    row = ROW | {"instruction": "Fix this: Teh quick brown fox jumps over the lazy dog every day."}
    fixed = "Fix this: The quick brown fox jumps over the lazy dog every day."
    assert Simulate(turns=1).next(row, said(fixed)).columns["turns"] == 1


def test_the_assistant_may_thank():
    turn = said("The Nile.", "I liked that.", "Thank you for saying so.")
    assert Simulate(turns=2).next(ROW, turn).columns["turns"] == 2


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_row_without_an_instruction_is_not_asked(nothing):
    assert Simulate().next({**ROW, "instruction": nothing}, ()) == Kept()


def test_one_turn_is_one_call():
    assert Simulate(turns=1).most_calls == 1
    fate = Simulate(turns=1).next(ROW, said("The Nile."))
    assert len(fate.columns["messages"]) == 2


def test_three_engines_are_too_many():
    with pytest.raises(ValidationError, match="one engine, or two"):
        Simulate(engine=("a", "b", "c"))


def test_a_user_model_sees_the_conversation_with_exchanged_roles():
    stage = Simulate(turns=2, user="flipped", user_system="You are {{ who }}.", system="Be short.")
    assert stage.needs == ("instruction", "who")
    ask = stage.next(ROW | {"who": "a sailor"}, said("The Nile."))
    assert [(m.role, m.content) for m in ask.prompt.messages] == [
        ("system", "You are a sailor."), ("assistant", "Name a river."), ("user", "The Nile."),
    ]  # fmt: skip


def test_an_open_turn_stands_behind_the_conversation():
    stage = Simulate(turns=2, user="open_turn", user_system="Users ask.", system="Be short.")
    assert stage.requires == {"chat", "user_turn"}
    first = stage.next(ROW, ())
    assert [m.role for m in first.prompt.messages] == ["system", "user"]
    turn = stage.next(ROW, said("The Nile.")).prompt
    assert (turn.system, [m.content for m in turn.messages]) == (
        "Users ask.", ["Name a river.", "The Nile."],
    )  # fmt: skip
    third = stage.next(ROW, said("The Nile.", "How long?")).prompt
    # What the user's side is told the assistant never sees.
    assert [m.content for m in third.messages] == [
        "Be short.", "Name a river.", "The Nile.", "How long?",
    ]  # fmt: skip


def test_a_prompted_user_has_no_system_message():
    with pytest.raises(ValidationError, match="`user_system` is for"):
        Simulate(user_system="You are a user.")
