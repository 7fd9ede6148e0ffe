"""Edits made from the last to the first give the target, whatever the texts."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from stages.extract.edits import Edits

TEXTS = st.text(alphabet="ab é,.\n字क\u093f\u0301", max_size=40)


def apply(text, edits):
    for edit in reversed(edits):
        text = text[: edit["start"]] + edit["text"] + text[edit["end"] :]
    return text


@given(TEXTS, TEXTS)
def test_edits_give_the_target(text, target):
    found = Edits().decide({"text": text, "target": target}).columns
    assert apply(text, found["edits"]) == target
    assert (found["edits"] == []) == (text == target)
    for one, two in itertools.pairwise(found["edits"]):
        assert one["end"] < two["start"]


def test_a_word_is_never_cut():
    found = Edits().decide({"text": "He walks home.", "target": "He walked home."}).columns
    assert found["edits"] == [{"start": 3, "end": 8, "text": "walked"}]


def test_a_vowel_sign_belongs_to_its_word():
    found = Edits().decide({"text": "\u0915\u0940", "target": "\u0915\u093f"}).columns
    assert found["edits"] == [{"start": 0, "end": 2, "text": "\u0915\u093f"}]


def test_of_a_script_without_spaces_one_character_is_exchanged():
    found = Edits().decide({"text": "我爱中国", "target": "我爱美国"}).columns
    assert found["edits"] == [{"start": 2, "end": 3, "text": "美"}]
