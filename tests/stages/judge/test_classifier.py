"""Two planted classes are told apart, and no labelled row is judged by what it taught."""

import random

import pyarrow as pa
import pytest

from stages.errors import RunError
from stages.judge.classifier import Classifier

GOOD = ("water", "bread", "flour", "knife", "table", "garden", "letter", "window", "river")
BAD = ("click", "free", "prize", "casino", "bonus", "sale", "cheap", "login", "newsletter")


def text(words, seed):
    draw = random.Random(seed)
    return " ".join(draw.choice(words) for _ in range(12))


def probabilities(as_table, reader, *shards):
    tables = [as_table(rows, label=pa.bool_(), text=pa.string()) for rows in shards]
    return [fate.columns["probability"] for fate in Classifier().run(reader(*tables), 1)]


def labelled(count):
    good = [{"text": text(GOOD, i), "label": True} for i in range(count)]
    return good + [{"text": text(BAD, i), "label": False} for i in range(count)]


def test_planted_classes(as_table, reader):
    new = [{"text": text(GOOD, 90 + i), "label": None} for i in range(10)]
    new += [{"text": text(BAD, 90 + i), "label": None} for i in range(10)]
    found = probabilities(as_table, reader, new[:5], labelled(8), new[5:])
    assert min(found[:5] + found[21:26]) > 0.8
    assert max(found[26:]) < 0.2
    assert min(found[5:13]) > 0.5 > max(found[13:21])


def test_labels_that_mean_nothing_predict_nothing(as_table, reader):
    """A labelled row is scored by classifiers that did not see it, so chance stays chance."""
    draw = random.Random(3)
    rows = [{"text": text(GOOD + BAD, i), "label": draw.random() < 0.5} for i in range(200)]
    found = probabilities(as_table, reader, rows)
    right = sum((p > 0.5) == row["label"] for p, row in zip(found, rows, strict=True))
    assert 70 < right < 130


def test_few_labels_and_nulls(as_table, reader):
    rows = [*labelled(2), {"text": None, "label": None}, {"text": None, "label": True}]
    rows += [{"text": text(GOOD, 50), "label": None}]
    found = probabilities(as_table, reader, rows)
    assert found[:6] == [None] * 6
    assert found[6] > 0.5


@pytest.mark.parametrize("rows", [[], labelled(3)[:3], [{"text": "a", "label": None}]])
def test_without_both_labels_there_is_nothing_to_learn(as_table, reader, rows):
    rows = rows or [{"text": None, "label": None}]
    with pytest.raises(RunError, match="labelled true or none labelled false"):
        probabilities(as_table, reader, rows)
