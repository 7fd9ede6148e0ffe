"""Journals that were left are found by the rows that they can hold answers to, and no others."""

import random

from pipelines.store.log.journal import JournalIndex, name_of


def test_the_same_shard_and_any_other_cut():
    names = {start: name_of(start, 16) for start in range(0, 160, 16)}
    left = JournalIndex(names.values())
    assert left.of(32, 16) == (names[32],)
    assert left.of(30, 4) == (names[16], names[32])
    assert left.of(0, 160) == tuple(names.values())
    assert left.of(160, 16) == ()


def test_a_shard_behind_a_fan_out_or_a_filter_is_found_by_its_number():
    left = JournalIndex([name_of(8, 0), name_of(16, 400)])
    assert len(left.of(8, 0)) == 1
    assert len(left.of(16, 3)) == 1


def test_as_the_plain_rule():
    draw = random.Random(5)
    spans = [(draw.randrange(300), draw.randrange(1, 40)) for _ in range(200)]
    names = [name_of(*span) for span in spans]
    left = JournalIndex(names)
    for _ in range(300):
        index, rows = draw.randrange(300), draw.randrange(1, 40)
        wanted = {
            name for (start, length), name in zip(spans, names, strict=True)
            if start < index + rows and index < start + length
        }  # fmt: skip
        assert set(left.of(index, rows)) == wanted


def test_names_of_before_may_be_of_any_shard():
    left = JournalIndex(["00003-0123456789ab.log", name_of(40, 8)])
    assert left.of(0, 8) == ("00003-0123456789ab.log",)
