"""Distinct n-grams set against even draws: the closed form, and what must hold of any texts."""

import random

import pyarrow as pa
import pytest

from stages.dedup.distinct import Distinct

V = 50_257


def scores(as_table, reader, rows):
    table = as_table(rows, text=pa.string(), group=pa.string())
    return [fate.columns["distinct"] for fate in Distinct().run(reader(table), 1)]


def expected(count):
    return V * (1 - ((V - 1) / V) ** count)


def test_the_closed_form(as_table, reader):
    rows = [{"text": t, "group": "q"} for t in ("A river!", "a river", "the sea")]
    ones, twos = 4 / expected(6), 2 / expected(3)
    assert scores(as_table, reader, rows) == pytest.approx([(ones + twos) / 2] * 3)


def test_copies_are_the_least_varied(as_table, reader):
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    copies = [{"text": " ".join(words), "group": "q"}] * 4
    other = [{"text": " ".join(f"{w}{i}" for w in words), "group": "q"} for i in range(4)]
    mixed = copies[:2] + other[:2]
    found = [scores(as_table, reader, rows)[0] for rows in (copies, mixed, other)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(sum((9 - n) / expected(4 * (9 - n)) for n in range(1, 6)) / 5)
    assert found[-1] > 0.999


def test_groups_nulls_and_texts_without_words(as_table, reader):
    rows = [
        {"text": "one two", "group": "a"},
        {"text": None, "group": "a"},
        {"text": "...", "group": "b"},
        {"text": "one two", "group": None},
    ]
    first, second, third, fourth = scores(as_table, reader, rows)
    assert first == second == pytest.approx((2 / expected(2) + 1) / 2)
    assert third is None
    assert fourth is None


def test_length_alone_does_not_lower_it(as_table, reader):
    """Where every word is drawn evenly; the share of words that are new falls from 1.00 to 0.83."""
    draw = random.Random(1)
    for length in (100, 20_000):
        text = " ".join(str(draw.randrange(V)) for _ in range(length))
        assert scores(as_table, reader, [{"text": text, "group": "q"}])[0] > 0.99


def test_vowel_signs_accents_and_scripts_without_spaces(as_table, reader):
    texts = [
        "की कि के को का कू",
        "ka ki ke ko kaa ku",
        "cafe\u0301 noe\u0308l",
        "café noël",
        "我爱中国",
        "a b c d",
    ]
    rows = [{"text": text, "group": str(i)} for i, text in enumerate(texts)]
    found = scores(as_table, reader, rows)
    assert found[::2] == pytest.approx(found[1::2])
