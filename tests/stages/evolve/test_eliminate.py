import pytest

from stages.base import Derived, Kept
from stages.evolve.begin import Begin
from stages.evolve.eliminate import Eliminate

GOOD = {
    "instruction": "Name three rivers.",
    "response": "Nile, Amazon, Rhine.",
    "generation": 1,
    "operator": "deepen",
    "evolving": True,
    "evolved": "Name three rivers in Asia and the seas they reach.",
    "evolved_by": "add_constraint",
    "evolved_is_new": True,
    "evolved_novelty": 0.7,
    "evolved_response": "The Ob reaches the Kara Sea, the Mekong the South China Sea.",
    "evolved_response_finish_reason": "stop",
}


def fate(**changes):
    return Eliminate().decide(GOOD | changes)


def test_an_evolution_becomes_a_child_and_its_parent_rests():
    child = {
        "instruction": GOOD["evolved"],
        "response": GOOD["evolved_response"],
        "generation": 2,
        "operator": "add_constraint",
    }
    assert fate() == Derived((child,), parent={"evolving": False})


@pytest.mark.parametrize(
    "changes",
    [
        {"evolved_is_new": False},
        {"evolved_is_new": None},
        {"evolved": None},
        {"evolved_response": "I'm sorry, I have no data on that."},
        {"evolved_response": "It is, and that is that."},
        {"evolved_response": "..."},
        {"evolved_response": ""},
        {"evolved_response": None},
        {"evolved": "Rewrite the given prompt with rivers in Asia."},
        {"evolved_response_finish_reason": "length"},
    ],
)
def test_each_rule_sends_the_parent_back(changes):
    assert fate(**changes) == Kept()


def test_a_long_answer_may_be_sorry():
    assert isinstance(fate(evolved_response="sorry to say, rivers flood " * 30), Derived)


def test_a_bare_number_is_an_answer():
    assert isinstance(fate(evolved_response="42"), Derived)


def test_the_prompts_words_may_come_from_the_parent():
    changes = {
        "instruction": "Improve the given prompt.",
        "evolved": "Improve the given prompt twice.",
    }
    assert isinstance(fate(**changes), Derived)


def test_a_resting_row_passes():
    assert fate(evolving=False) == Kept()


def test_begin():
    begun = Begin().decide({"instruction": "Name three rivers."})
    assert begun == Kept({"generation": 0, "operator": "seed", "evolving": True})


def test_answers_in_other_scripts_say_something():
    assert isinstance(fate(evolved_response="雨落在屋檐上，声音很轻。"), Derived)
    assert isinstance(fate(evolved_response="Дождь тихо стучит по крыше."), Derived)
