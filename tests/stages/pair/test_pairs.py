"""Pairs of scored answers: what is paired, what becomes of ties, and what originals got wrong."""

import random

import pytest
from pydantic import ValidationError

from stages.base import Derived, Dropped, Kept
from stages.pair.augmented import Augmented
from stages.pair.curriculum import Curriculum
from stages.pair.ranked_set import RankedSet
from stages.pair.reward_conditioned import RewardConditioned
from stages.pair.scored import Scored
from stages.score.soft_target import SoftTarget


def answers(*scores, models=None, seed=1):
    return [
        {"id": f"r{i}", "parents": ["q"], "response": f"answer {i}", "score": score, "sample": i,
         "seed": seed, "response_model": models[i] if models else "m"}
        for i, score in enumerate(scores)
    ]  # fmt: skip


def pairs(stage, rows):
    fates = stage.decide(rows)
    assert len(fates) == len(rows), "every answer has a fate"
    made = [child for fate in fates if isinstance(fate, Derived) for child in fate.rows]
    return sorted((p["chosen"][-1], p["rejected"][-1]) for p in made), fates


@pytest.mark.parametrize(
    ("against", "made"),
    [
        ("worst", [("1", "0")]),
        ("each", [("1", "0"), ("1", "2"), ("1", "3")]),
        ("all", [("1", "0"), ("1", "2"), ("1", "3"), ("2", "0"), ("3", "0"), ("3", "2")]),
    ],
)
def test_what_the_best_is_paired_with(against, made):
    found, fates = pairs(Scored(against=against), answers(1.0, 5.0, 2.0, 4.0))
    assert found == sorted(made)
    used = {side for pair in found for side in pair}
    for i, fate in enumerate(fates):
        assert isinstance(fate, Derived) == (str(i) in used)


def test_a_random_other_is_not_always_the_first():
    """In a released script it always was."""
    rejected = {
        pairs(Scored(), answers(5.0, 1.0, 2.0, 3.0, seed=seed))[0][0][1] for seed in range(40)
    }
    assert rejected == {"1", "2", "3"}


def test_a_margin_and_the_order_of_pairs():
    rows = answers(1.0, 5.0, 2.0, 4.5)
    assert pairs(Scored(against="each", min_margin=3.0), rows)[0] == [("1", "0"), ("1", "2")]
    assert pairs(Scored(against="all", most=2), rows)[0] == [("1", "0"), ("3", "0")]


def test_ties_are_dropped_or_kept_and_never_won():
    rows = answers(3.0, 3.0, 1.0)
    for against, without in (("each", [("0", "2")]), ("all", [("0", "2"), ("1", "2")])):
        assert pairs(Scored(against=against), rows)[0] == without
        kept, fates = pairs(Scored(against=against, on_tie="keep"), rows)
        assert kept == sorted([*without, ("0", "1")])
        ties = [p for f in fates if isinstance(f, Derived) for p in f.rows if p["tie"]]
        assert [(p["margin"], p["chosen_score"], p["rejected_score"]) for p in ties] == [(0, 3, 3)]
    nothing, fates = pairs(Scored(), answers(3.0, 3.0, 3.0))
    assert nothing == []
    assert fates == [Dropped("pair.unpaired")] * 3


def test_one_answer_does_not_stand_on_both_sides():
    """All scores equal, or the same text twice: originals then paired an answer with itself."""
    rows = answers(5.0, 1.0)
    rows[1]["response"] = " answer 0\n"
    assert pairs(Scored(), rows)[0] == []
    assert pairs(Scored(on_tie="keep"), answers(2.0))[0] == []


def test_pairs_of_one_source():
    rows = answers(5.0, 1.0, 4.0, 2.0, 3.0, models=["a", "b", "a", "b", "c"])
    found, fates = pairs(Scored(against="worst", same_source=True), rows)
    assert found == [("0", "2"), ("3", "1")]
    for fate in fates:
        for pair in fate.rows if isinstance(fate, Derived) else ():
            assert pair["chosen_model"] == pair["rejected_model"]
    assert fates[4] == Dropped("pair.unpaired")


def test_what_has_no_score():
    rows = answers(None, 5.0, 2.0)
    found, fates = pairs(Scored(against="worst"), rows)
    assert found == [("1", "2")]
    assert fates[0] == Dropped("pair.not_scored")


def test_a_set_is_ranked():
    rows = answers(1.0, 5.0, None, 5.0, 2.0)
    rows[4]["response"] = rows[1]["response"]
    fates = RankedSet().decide(rows)
    (made,) = fates[1].rows
    assert made["responses"] == ["answer 1", "answer 3", "answer 0"]
    assert made["scores"] == [5.0, 5.0, 1.0]
    assert made["parents"] == ["r1", "r3", "r0"]
    assert fates[2] == Dropped("pair.not_scored")
    assert fates[4] == Dropped("pair.same")
    few = RankedSet(at_least=4).decide(rows)
    assert few[1] == Dropped("pair.too_few", "3 of 4")


def test_64_answers_stay_64():
    rows = answers(*[random.Random(2).random() for _ in range(64)])
    rows = [row | {"score": float(i * 7 % 64)} for i, row in enumerate(rows)]
    (made,) = next(f for f in RankedSet().decide(rows) if isinstance(f, Derived) and f.rows).rows
    assert len(set(made["responses"])) == 64
    assert made["scores"] == sorted(made["scores"], reverse=True)


ROW = {
    "chosen": "good",
    "rejected": "bad",
    "chosen_score": 9.0,
    "rejected_score": 3.0,
    "margin": 6.0,
}


def test_the_second_has_its_sides_exchanged():
    """A released script left them as they were in one of its variants."""
    high, low = RewardConditioned().decide(ROW).rows
    assert (high["chosen"], high["rejected"], high["goal"]) == ("good", "bad", 9)
    assert (low["chosen"], low["rejected"], low["goal"]) == ("bad", "good", 3)
    assert (low["chosen_score"], low["rejected_score"], low["margin"]) == (3, 9, -6)
    assert "9.0" in high["system"]
    assert "3.0" in low["system"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"rejected_score": 9.0}, "tie"), ({"rejected_score": 9.5}, "contrary"),
     ({"chosen_score": None}, "missing"), ({"rejected": ""}, "missing"),
     ({"rejected_score": float("nan")}, "missing")],
)  # fmt: skip
def test_pairs_that_say_nothing(change, reason):
    assert RewardConditioned().decide(ROW | change).reason == f"pair.{reason}"


def augmented(as_table, reader, count, seed=0):
    table = as_table(
        [{"instruction": f"q{i}", "chosen": f"w{i}", "rejected": f"l{i}"} for i in range(count)]
    )
    return list(Augmented().run(reader(table), seed))


def test_eight_off_topic_and_six_the_same(as_table, reader):
    """No pair meets itself, whatever is drawn: shuffles leave some in place."""
    for seed in range(30):
        for place, fate in enumerate(augmented(as_table, reader, 5, seed)):
            kinds = [child["kind"] for child in fate.rows]
            assert (kinds.count("off_topic"), kinds.count("same")) == (8, 6)
            assert fate.parent == {"kind": "own", "tie": False}
            own = {f"w{place}", f"l{place}"}
            for child in fate.rows:
                sides = (child["chosen"] in own, child["rejected"] in own)
                assert sides == ((True, False) if child["kind"] == "off_topic" else (False, False))
                assert child["chosen"] != child["rejected"]
                assert child["tie"] == (child["kind"] == "same")
            others = {child["rejected"][1:] for child in fate.rows if not child["tie"]}
            assert len(others) == 2


def test_no_side_of_the_same_is_preferred(as_table, reader):
    fates = augmented(as_table, reader, 400)
    first = [child["chosen"][0] == "w" for fate in fates for child in fate.rows if child["tie"]]
    assert sum(first) / len(first) == pytest.approx(0.5, abs=0.05)


def test_two_pairs_are_too_few(as_table, reader):
    assert [len(fate.rows) for fate in augmented(as_table, reader, 2)] == [0, 0]


def test_a_curriculum_goes_from_far_to_near(as_table, reader):
    margins = [0.5, 3.0, None, 1.0, 2.0, 0.1, 4.0]
    table = as_table([{"margin": margin} for margin in margins])
    fates = list(Curriculum(parts=3).run(reader(table), 0))
    parts = [fate.columns["curriculum"] for fate in fates]
    assert parts == [3, 1, None, 2, 2, 3, 1]


@pytest.mark.parametrize(
    ("margin", "gamma", "target"),
    [(0.0, 1.0, 0.5), (1.5, 1.0, 0.8175744762), (-1.5, 1.0, 0.1824255238), (3.0, 0.5, 0.8175744762),
     (1e6, 1.0, 1.0), (-1e6, 1.0, 0.0)],
)  # fmt: skip
def test_a_soft_target(margin, gamma, target):
    fate = SoftTarget(gamma=gamma).decide({"margin": margin})
    assert isinstance(fate, Kept)
    assert fate.columns["target"] == pytest.approx(target)


def test_a_score_that_is_no_number_wins_nothing():
    nan = float("nan")
    cases = ([1.0, nan, 5.0, 0.0], [("2", "3")]), ([nan, 5.0, 0.0], [("1", "2")])
    for scores, made in cases:
        rows = answers(*scores)
        assert pairs(Scored(against="worst"), rows)[0] == made
        sets = [f.rows[0] for f in RankedSet().decide(rows) if isinstance(f, Derived) and f.rows]
        assert [each["scores"][0] for each in sets] == [5.0]


def test_answers_of_unknown_models_are_of_no_source():
    rows = answers(5.0, 1.0, 4.0, models=["a", "b", "c"])
    for row in rows:
        row["response_model"] = None
    assert pairs(Scored(same_source=True), rows)[0] == []


def test_what_is_true_of_the_pair_alone_is_null_in_the_children(as_table, reader):
    table = as_table(
        [
            {"instruction": f"q{i}", "chosen": f"w{i}", "rejected": f"l{i}", "margin": 6.0}
            for i in range(4)
        ]
    )
    for fate in Augmented(scores=("margin",)).run(reader(table), 0):
        assert {child["margin"] for child in fate.rows} == {None}
        assert "margin" not in fate.parent


def test_others_answer_another_question(as_table, reader):
    """Several pairs of one question are no answers to others."""
    rows = [{"instruction": f"q{i % 4}", "chosen": f"w{i}", "rejected": f"l{i}"} for i in range(12)]
    fates = list(Augmented().run(reader(as_table(rows)), 3))
    for place, fate in enumerate(fates):
        for child in fate.rows:
            sides = {int(text[1:]) % 4 for text in (child["chosen"], child["rejected"])}
            assert (place % 4 in sides) == (child["kind"] == "off_topic")
    few = as_table([row | {"instruction": "q"} for row in rows])
    assert all(not fate.rows for fate in Augmented().run(reader(few), 3))


@pytest.mark.parametrize("system", ["Reach {goal} of {max}.", '{"score": {goal}}', "{goal:d}"])
def test_a_system_line_that_cannot_be_filled(system):
    with pytest.raises(ValidationError, match="can be filled in it"):
        RewardConditioned(system=system)
