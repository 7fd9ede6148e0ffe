"""Formulas that no parser accepts, and long ones."""

import pytest

from stages.base import Kept
from stages.verify.logic import Logic


@pytest.mark.parametrize(
    "text",
    ["", "Bird", "∀x", "∀x (Bird(x)", "Bird(x))", "P(a) ∧", "→ P(a)", "P()", "P(a, )", "P(a) Q(b)",
     "For all x, Bird(x)", "∀x (x)", "P(a) & Q(a)", "∀(Bird(x))", "P(a) ∧ ∧ Q(a)",
     "∀x Not(P(x))", "Bird(mother(anna))"],
)  # fmt: skip
def test_no_formula(text):
    fate = Logic().decide({"formula": text})
    assert isinstance(fate, Kept)
    assert fate.columns["well_formed"] is False
    assert fate.columns["logic_error"]
    assert "\n" not in fate.columns["logic_error"]


@pytest.mark.parametrize("text", ["¬" * 20_000 + "P(a)", "(" * 20_000 + "P(a)" + ")" * 20_000])
def test_a_deep_formula_is_no_bug(text):
    assert Logic().decide({"formula": text}).columns["well_formed"]
