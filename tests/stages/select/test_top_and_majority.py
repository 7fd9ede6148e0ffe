"""The highest values, and what most say."""

from stages.base import Dropped, Kept
from stages.score.solve_rate import SolveRate
from stages.select.majority import Majority
from stages.select.top import Top


def top(as_table, reader, values, **settings):
    table = as_table([{"value": value} for value in values])
    return list(Top(**settings).run(reader(table), 0))


def test_the_highest_are_kept_and_the_earlier_of_equal_ones(as_table, reader):
    fates = top(as_table, reader, [2.0, 5.0, None, 5.0, 1.0], rows=2)
    assert fates == [
        Dropped("select.not_top", "2"), Kept({"rank": 0}), Dropped("select.no_value"),
        Kept({"rank": 1}), Dropped("select.not_top", "1"),
    ]  # fmt: skip


def test_the_lowest_and_lengths(as_table, reader):
    assert [type(f) for f in top(as_table, reader, [2.0, 5.0, 1.0], rows=1, lowest=True)] == [
        Dropped, Dropped, Kept,
    ]  # fmt: skip
    fates = top(as_table, reader, ["aaa", "b", "cc"], rows=2)
    assert [fate.columns["rank"] for fate in fates if isinstance(fate, Kept)] == [0, 1]
    assert fates[1] == Dropped("select.not_top", "1")


def voted(*answers, **settings):
    return Majority(**settings).decide([{"answer": answer} for answer in answers])


def test_a_majority():
    kept = Kept({"majority_share": 0.5, "solutions": 4})
    assert voted("42", "41", "42", None) == [
        kept, Dropped("select.minority", "41, most say 42"), kept, Dropped("select.no_answer"),
    ]  # fmt: skip


def test_case_and_zeros_make_no_other_answer():
    fates = voted("yes", "Yes", "no", "no", "YES")
    assert [isinstance(fate, Kept) for fate in fates] == [True, True, False, False, True]
    assert all(isinstance(fate, Kept) for fate in voted("1,000", "1000.0"))


def test_a_tie():
    assert voted("42", "41") == [Dropped("select.tie", "0.50 each")] * 2
    first, second = voted("42", "41", on_tie="first")
    assert isinstance(first, Kept)
    assert second.reason == "select.minority"


def test_a_share_that_is_too_small():
    assert {fate.reason for fate in voted("1", "1", "2", "3", min_share=0.6)} == {"select.unsure"}
    assert all(isinstance(fate, Kept) for fate in voted("1", "1", min_share=1.0))


def test_nobody_answers():
    assert voted(None, None) == [Dropped("select.no_answer")] * 2


def test_a_solve_rate_goes_on_with_the_first_right_one():
    fates = SolveRate().decide([{"correct": c} for c in (None, False, True, True)])
    kept = Kept({"solve_rate": 0.5, "solutions": 4})
    assert fates == [Dropped("score.counted")] * 2 + [kept] + [Dropped("score.counted")]
    (unknown,) = SolveRate().decide([{"correct": None}])
    assert unknown == Kept({"solve_rate": None, "solutions": 1})
    (only,) = SolveRate().decide([{"correct": False}])
    assert only == Kept({"solve_rate": 0.0, "solutions": 1})
