"""Complexity first, tags before: a worked example, and more coverage than chance."""

import random

from stages.base import Kept
from stages.select.tag_coverage import TagCoverage


def selected(tags, reader, as_table, rows, **settings):
    fates = list(
        TagCoverage(rows=rows, **settings).run(reader(as_table([{"tags": t} for t in tags])), 0)
    )
    return [
        fate.columns["selected_in_pass"] if isinstance(fate, Kept) else fate.reason
        for fate in fates
    ]


def test_a_worked_example(reader, as_table):
    tags = [["a"], ["a", "b", "c"], ["B ", "c"], ["d"], None, ["a", "b"]]
    # First pass: abc, then bc and ab bring nothing, a neither, d does. Second: bc, ab (a is new).
    assert selected(tags, reader, as_table, rows=4) == [
        "select.not_selected", 1, 2, 1, "select.no_value", 2,
    ]  # fmt: skip
    assert selected(tags, reader, as_table, rows=9) == [3, 1, 2, 1, "select.no_value", 2]


def test_rare_tags_do_not_count(reader, as_table):
    tags = [["a", "typo"], ["a"], ["lone"]]
    assert selected(tags, reader, as_table, rows=2, at_least=2) == [1, 2, "select.no_value"]


def test_it_covers_more_than_chance(reader, as_table):
    draw = random.Random(4)
    tags = [draw.sample([f"t{n}" for n in range(60)], draw.randint(1, 5)) for _ in range(120)]
    chosen = [i for i, s in enumerate(selected(tags, reader, as_table, rows=15)) if s == 1]
    by_chance = [len({t for i in draw.sample(range(120), 15) for t in tags[i]}) for _ in range(50)]
    assert len(chosen) == 15
    assert len({tag for i in chosen for tag in tags[i]}) > max(by_chance)
