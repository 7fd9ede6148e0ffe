"""Steps of evolution, and marks that find their version whatever the order they were shown in."""

import json

import pytest

from stages.ask import Reply, Sample
from stages.base import Kept
from stages.errors import ReplyError
from stages.evolve.versions import Versions

ROW = {"id": "row0", "parents": [], "instruction": "Name a river.", "seed": 0}
TEXTS = ("Name a long river.", "Name a long river of Asia.")


def said(*texts, field="request"):
    """Versions; what is JSON already, or is to be none, as it stands."""
    plain = ("{", "1,")
    return tuple(
        Reply((Sample(t if t.startswith(plain) else json.dumps({field: t})),)) for t in texts
    )


def test_each_step_goes_on_from_the_one_before():
    stage = Versions(times=2)
    assert "Name a river." in stage.next(ROW, ()).prompt.messages[0].content
    assert TEXTS[0] in stage.next(ROW, said(TEXTS[0])).prompt.messages[0].content
    assert stage.most_calls == 3


@pytest.mark.parametrize("seed", range(8))
def test_marks_go_to_the_versions_that_they_were_given_for(seed):
    stage, row = Versions(times=2), ROW | {"seed": seed}
    versions = ["Name a river.", *TEXTS]
    ask = stage.next(row, said(*TEXTS))
    shown = [line[3:] for line in ask.prompt.messages[0].content.splitlines() if line[1:2] == "."]
    assert sorted(shown) == sorted(versions)
    marks = [{versions[0]: 1, versions[1]: 3, versions[2]: 6}[text] for text in shown]
    rows = stage.next(row, said(*TEXTS, f'{{"marks": {marks}}}')).rows
    assert [(r["version"], r["instruction"], r["mark"]) for r in rows] == [
        (0, versions[0], 1), (1, versions[1], 3), (2, versions[2], 6),
    ]  # fmt: skip


def test_the_order_is_drawn():
    stage = Versions(times=2)
    asks = {stage.next(ROW | {"seed": seed}, said(*TEXTS)).prompt for seed in range(30)}
    assert len(asks) == 6


@pytest.mark.parametrize(
    ("replies", "call", "error"),
    [
        (("",), 0, "'request' is ''"),
        (("Name a river.",), 0, "no other"),
        ((TEXTS[0], TEXTS[0]), 1, "no other"),
        ((*TEXTS, '{"marks": [1, 2]}'), 2, "not 3 marks"),
        ((*TEXTS, '{"marks": [1, 2, 7]}'), 2, "1 to 6"),
        ((*TEXTS, "1, 2, 3"), 2, "not JSON"),
    ],
)
def test_what_cannot_be_read_is_asked_for_again(replies, call, error):
    with pytest.raises(ReplyError, match=error) as no:
        Versions(times=2).next(ROW, said(*replies))
    assert no.value.call == call


def test_an_answer_is_evolved_for_its_quality():
    stage = Versions(times=1, aspect="quality")
    row = ROW | {"response": "The Nile."}
    assert set(stage.needs) == {"instruction", "response", "seed"}
    rows = stage.next(row, said("The Nile, 6,650 km.", '{"marks": [4, 4]}', field="answer")).rows
    assert [r["response"] for r in rows] == ["The Nile.", "The Nile, 6,650 km."]


def test_nothing_to_evolve():
    assert Versions().next(ROW | {"instruction": None}, ()) == Kept()
