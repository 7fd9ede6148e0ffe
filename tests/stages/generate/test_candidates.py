"""Which models answer a row: drawn by its seed, each as often as the others."""

from collections import Counter

import pytest
from pydantic import ValidationError

from stages.ask import Reply, Sample
from stages.base import Kept
from stages.generate.candidates import Candidates

STAGE = Candidates(engine=("a", "b", "c", "d"), models=2)


def asks(seed):
    return STAGE.next({"id": "x", "parents": [], "instruction": "Hi.", "seed": seed}, ())


def test_each_model_is_drawn_as_often_as_the_others():
    drawn = Counter(ask.engine for seed in range(4000) for ask in asks(seed))
    # 2000 each; six standard deviations of a binomial of 4000 at 1/2 are 190.
    assert all(abs(count - 2000) < 190 for count in drawn.values())
    assert all(len({ask.engine for ask in asks(seed)}) == 2 for seed in range(100))
    assert [a.engine for a in asks(7)] == [a.engine for a in asks(7)]


def test_each_answer_is_a_child_with_its_model():
    row = {"id": "x", "parents": [], "instruction": "Hi.", "seed": 1}
    replies = [Reply((Sample(f" {name} ", "stop"),), model=name) for name in ("one", "two")]
    fate = STAGE.next(row, replies)
    assert [(r["response"], r["response_model"], r["sample"]) for r in fate.rows] == [
        ("one", "one", 0), ("two", "two", 1),
    ]  # fmt: skip


def test_the_system_message_is_filled_from_the_row():
    stage = Candidates(engine=("a", "b"), models=2, system="Be brief. {{ principle }}")
    assert stage.needs == ("instruction", "seed", "principle")
    row = {"instruction": "Hi.", "seed": 1, "principle": "Say {{ this }}."}
    said = [ask.prompt.messages[0].content for ask in stage.next(row, ())]
    assert said == ["Be brief. Say {{ this }}."] * 2


def test_a_row_without_an_instruction_is_not_asked():
    assert STAGE.next({"instruction": None, "seed": 1}, ()) == Kept()


def test_more_models_than_engines():
    with pytest.raises(ValidationError, match="3 models of 2 engines"):
        Candidates(engine=("a", "b"), models=3)
