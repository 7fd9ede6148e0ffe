"""What labels teach about a checklist: closed forms of the weight, and a planted item."""

from math import log

import pytest

from stages.base import Failed
from stages.score.learned import Learned

ASKED = ["Is it right?", "Is it short?"]


def grades(rows, **settings):
    given = [{"checks": checks, "checks_asked": ASKED, "label": label} for checks, label in rows]
    return [fate.columns for fate in Learned(**settings).decide(given)]


def test_without_labels_it_is_the_mean_on_the_scale():
    found = grades([([1.0, 1.0], None), ([0.0, 0.0], None), ([0.5, 1.0], None)])
    assert [each["score"] for each in found] == pytest.approx([10, 1, 7.75])
    assert {each["learned_weight"] for each in found} == {0}
    assert grades([([1.0, 1.0], None)], scale=(0, 4))[0]["score"] == 4


def test_the_weight_is_one_for_even_labels_and_none_for_constant_ones():
    even = grades([*(([n / 10, 0.5], 1 + 0.9 * n + 0.1) for n in range(10)), ([1.0, 1.0], None)])
    assert even[-1]["learned_weight"] == pytest.approx(1)
    constant = grades([([n / 10, 0.5], 7.0) for n in range(10)])
    assert constant[0]["learned_weight"] == 0
    assert constant[3]["score"] == pytest.approx(1 + 9 * (0.3 + 0.5) / 2)
    labels = (([n / 10, 0.5], 2.0 if n % 2 else 9.0) for n in range(10))
    halves = grades([*labels, ([0.0, 0.0], None)])
    assert halves[-1]["learned_weight"] == pytest.approx(log(2) / log(10))


def test_the_item_that_the_labels_go_by_counts():
    # Labels follow the first item; the second is against it.
    labelled = [([n / 10, 1 - n / 10], 1 + 0.9 * n + 0.1) for n in range(10)]
    right, short = grades([*labelled, ([1.0, 0.0], None), ([0.0, 1.0], None)])[-2:]
    assert right["score"] > 7
    assert short["score"] < 4


def test_an_answer_is_not_graded_by_its_own_label():
    rows = [([n / 10, 0.5], 1 + 0.9 * n + 0.1) for n in range(10)]
    other = [*rows[:-1], (rows[-1][0], 1.0)]
    assert grades(rows)[-1] == grades(other)[-1]
    assert grades(rows)[-2] != grades(other)[-2]


def test_rows_without_checks_and_labels_off_the_scale():
    found = grades([(None, 5.0), ([0.5, 0.5], None)])
    assert found[0] == {"score": None, "learned_weight": None}
    assert found[1]["score"] == 5.5
    rows = [{"checks": [0.5], "checks_asked": ["?"], "label": 11.0}]
    (fate,) = Learned().decide(rows)
    assert isinstance(fate, Failed) and "not on the scale from 1 to 10" in fate.detail
    other = [{"checks": [0.5], "checks_asked": [text], "label": None} for text in "ab"]
    assert all(isinstance(fate, Failed) for fate in Learned().decide(other))
    (low,) = Learned(scale=(2, 9)).decide([rows[0] | {"label": 1.0}])
    assert isinstance(low, Failed)
    for scale in ((5, 5), (0, float("inf")), (0, float("nan"))):
        with pytest.raises(ValueError, match="a scale goes up"):
            Learned(scale=scale)
    odd = {"checks": [0.5, float("nan")], "checks_asked": ASKED, "label": None}
    uneven, none = odd | {"checks": [0.5]}, odd | {"checks_asked": None}
    assert all(f.columns["score"] is None for f in Learned().decide([odd, uneven, none]))


def test_bins_go_by_the_scale():
    """From 0 to 4 the labels 0 and 1 are in two bins of ten; on 1 to 10 they would be in one."""
    (*_, last) = grades([([0.1, 0.5], 0.0), ([0.9, 0.5], 1.0), ([0.5, 0.5], None)], scale=(0, 4))
    assert last["learned_weight"] == pytest.approx(log(2) / log(10))


def test_the_example_of_its_docstring():
    (*_, last) = grades([([0.9, 0.2], 7.0), ([0.4, 0.3], 3.0), ([0.8, 0.9], None)])
    assert last["score"] == pytest.approx(7.5512405158264695)
    assert last["learned_weight"] == pytest.approx(log(2) / log(10))
