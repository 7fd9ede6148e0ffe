"""Exact dedup: what counts as the same text, and what must never."""

import pytest

from stages.base import Dropped, Kept
from stages.dedup.exact import Exact
from stages.shared.texts.same import key

APART = [
    # code
    ("Write it in C++.", "Write it in C#."), ("Write it in C.", "Write it in C#."),
    ("What does a[i] do?", "What does a(i) do?"), ("x = y", "x == y"), ("!a", "a"),
    ("foo_bar", "foo bar"), ("*p", "&p"), ("a->b", "a.b"), ("print('a')", "print(a)"),
    # mathematics
    ("7 - 3?", "7 + 3?"), ("2*3", "2/3"), ("x > 3", "x < 3"), ("x ≥ 3", "x ≤ 3"),
    ("x² = 4", "x2 = 4"), ("x^2 = 4", "x2 = 4"), ("Is 3 ∈ A?", "Is 3 ∉ A?"), ("1.5", "15"),
    ("½", "1/2"), ("√2", "2"), ("-5", "5"), ("50 %", "50"), ("5!", "5"),
    # chess
    ("1. e4!", "1. e4?"), ("Qh5+", "Qh5#"), ("O-O", "O-O-O"), ("1. e4 e5", "1. e4 e6"),
    # scripts whose vowels and tones are marks
    ("दिन", "दीन"), ("कि", "की"), ("ไม่", "ไม้"), ("มา", "ม่า"), ("கா", "கி"), ("கெ", "கே"),
    ("عَلِمَ", "عُلِمَ"), ("می‌خواهم", "میخواهم"), ("année", "annee"), ("Maße", "Masse"),
    # emoji
    ("I am 🙂", "I am 🙁"), ("👍", "👎"), ("👨‍👩‍👧", "👨👩👧"), ("👍🏿", "👍🏻"), ("🙂", "!"),
    # words
    ("a b", "ab"), ("Name three rivers.", "Name three rivers?"), ("...", "?"),
]  # fmt: skip
SAME = [
    ("Name three rivers.", "  name\n three\tRIVERS. "),
    ("café", "cafe\u0301"),
    ("“It’s” – he said…", '"It\'s" - he said...'),
    ("a\u00a0b", "a b"),
    ("co\u00adoperate", "cooperate"),
    ("\ufeffName one.", "Name one."),
    ("СТРАНА", "страна"),
    ("7 − 3", "7 - 3"),
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_unlike_texts_stay_apart(one, other):
    assert key(one) != key(other)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_text_in_another_form(one, other):
    assert key(one) == key(other)


def test_the_first_stays_and_nulls_are_nobody_s_duplicate(as_table, reader):
    texts = ["Name one.", None, "name one.", None, "Name two."]
    table = as_table([{"instruction": text} for text in texts])
    fates = list(Exact().run(reader(table.slice(0, 2), table.slice(2)), 0))
    assert fates[2] == Dropped("dedup.exact", "same as row0")
    assert [isinstance(fate, Kept) for fate in fates] == [True, True, False, True, True]
