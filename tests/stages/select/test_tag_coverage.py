"""Complexity first, tags before: a worked example, and more coverage than chance."""

import random

import pytest

from stages.base import Kept
from stages.errors import RunError
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


def test_what_is_no_list_is_one_cause(reader, as_table):
    with pytest.raises(RunError, match="'tags' holds 'sorting', no list"):
        selected(["sorting"], reader, as_table, rows=1)
    with pytest.raises(RunError, match="'tags' holds '', no list"):
        selected([""], reader, as_table, rows=1)


def by_the_words_of_the_paper(tags, rows):
    """Passes over all rows that are left, one at a time."""
    left = sorted((i for i in range(len(tags)) if tags[i]), key=lambda i: -len(tags[i]))
    taken, number = {}, 0
    while left and len(taken) < rows:
        number, covered = number + 1, set()
        for i in list(left):
            if len(taken) < rows and set(tags[i]) - covered:
                taken[i] = number
                covered |= set(tags[i])
                left.remove(i)
    return taken


def test_the_same_as_one_row_at_a_time(reader, as_table):
    draw = random.Random(9)
    for _ in range(60):
        tags = [draw.sample("abcdef", draw.randint(0, 3)) for _ in range(draw.randint(1, 40))]
        rows = draw.randint(1, 40)
        found = selected(tags, reader, as_table, rows=rows)
        taken = {i: number for i, number in enumerate(found) if isinstance(number, int)}
        assert taken == by_the_words_of_the_paper(tags, rows)


def test_it_covers_more_than_chance(reader, as_table):
    draw = random.Random(4)
    tags = [draw.sample([f"t{n}" for n in range(60)], draw.randint(1, 5)) for _ in range(120)]
    chosen = [i for i, s in enumerate(selected(tags, reader, as_table, rows=15)) if s == 1]
    by_chance = [len({t for i in draw.sample(range(120), 15) for t in tags[i]}) for _ in range(50)]
    assert len(chosen) == 15
    assert len({tag for i in chosen for tag in tags[i]}) > max(by_chance)
