"""The three ways to have a verdict: what is asked, what is read, what is refused."""

import json
import re

import pytest
from pydantic import ValidationError

from stages.errors import ReplyError
from stages.judge.rubric import Rubric
from tests.support.replies import grades, likely, written

ROW = {"id": "row0", "parents": [], "instruction": "Name a river.", "response": "The Nile."}


def test_one_token_is_asked_for_and_never_read():
    ask = Rubric(rubric="Is it true?").ask(ROW)
    assert ask.sampling.max_tokens == 1
    assert ask.logprobs == 20
    assert ask.schema is None
    columns = Rubric(rubric="Is it true?").read(ROW, grades(d4=0.5, d5=0.25)).columns
    assert columns["score"] == pytest.approx((4 * 0.5 + 5 * 0.25) / 0.75)
    assert columns["score_mass"] == pytest.approx(0.75)
    assert columns["score_by"] == "logprobs"
    assert columns["score_rationale"] is None


@pytest.mark.parametrize("verdict", ["token", "rationale"])
def test_without_log_probabilities_a_grammar_holds_the_verdict(verdict):
    stage = Rubric(rubric="Is it true?", verdict=verdict)
    assert stage.requires == {"chat", "schema"}
    ask = stage.ask(ROW)
    assert ask.logprobs == 0
    assert ask.schema["properties"]["verdict"] == {"enum": ["1", "2", "3", "4", "5"]}
    assert list(ask.schema["properties"])[-1] == "verdict", "reasons come before it"
    columns = stage.read(ROW, written(reasons="It is.", verdict="4")).columns
    assert columns["score"] == 4
    assert columns["score_by"] == verdict
    assert columns["score_mass"] is None
    assert columns["score_rationale"] == "It is."
    assert json.loads(columns["score_reply"])["verdict"] == "4"


@pytest.mark.parametrize(
    "reply",
    [
        written(verdict="6", reasons="x"), written(verdict=4, reasons="x"), written(reasons="x"),
        written(verdict="4"), written(verdict="4", reasons=""), written(verdict=["4"], reasons="x"),
    ],
)  # fmt: skip
def test_nothing_unreadable_becomes_a_number(reply):
    with pytest.raises(ReplyError):
        Rubric(rubric="Is it true?", verdict="rationale").read(ROW, reply)


def test_too_little_belief_is_unreadable():
    with pytest.raises(ReplyError, match=r"0\.100 of the probability is on 1, 2, 3, 4 or 5"):
        Rubric(rubric="Is it true?").read(ROW, likely(**{"4": 0.1, "The": 0.9}))


def test_levels_are_the_scale():
    levels = {0: "false", 1: "half true", 2: "true"}
    stage = Rubric(rubric="Is it true?", levels=levels)
    text = stage.ask(ROW).prompt.messages[-1].content
    assert "0: false 1: half true 2: true" in text
    assert "Reply with 0, 1 or 2 alone." in text
    assert stage.read(ROW, grades(d0=0.5, d2=0.5)).columns["score"] == pytest.approx(1)


@pytest.mark.parametrize(
    "given",
    [{"levels": {1: "a", 3: "b"}}, {"scale": [1, 10]}, {"scale": [3, 3]}, {"scale": [-1, 2]},
     {"levels": {1: "a", 2: "b"}, "scale": [1, 2]}],
)  # fmt: skip
def test_a_scale_that_is_none(given):
    with pytest.raises(ValidationError):
        Rubric(rubric="Is it true?", **given)


def test_a_reference_is_shown_where_rows_have_one():
    stage = Rubric(rubric="Is it true?", with_reference=True)
    assert stage.needs == ("instruction", "response", "reference")
    text = stage.ask({**ROW, "reference": "The Rhine."}).prompt.messages[-1].content
    assert re.search(r"<reference-([a-z]{3})>\nThe Rhine.\n</reference-\1>", text)
    assert "reference" not in Rubric(rubric="Is it?").ask(ROW).prompt.messages[-1].content


def test_the_hash_is_of_what_the_judge_is_told_and_of_no_row():
    def hashed(rubric, row, **settings):
        return Rubric(rubric=rubric, **settings).read(row, grades(d2=1.0)).columns["score_prompt"]

    assert hashed("Is it true?", ROW) == hashed("Is it true?", {**ROW, "response": "x"})
    assert hashed("Is it true?", ROW) != hashed("Is it short?", ROW)
    assert hashed("Is it true?", ROW) != hashed("Is it true?", ROW, levels={1: "no", 2: "yes"})
