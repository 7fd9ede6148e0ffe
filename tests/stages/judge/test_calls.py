"""Judges of several calls for a row: what is asked, in which order, and what is made of it."""

import itertools
import random

import pytest

from stages.base import Dropped
from stages.errors import ReplyError
from stages.judge.checklist import Checklist
from stages.judge.conversation import Conversation
from stages.judge.criteria import Criteria
from stages.judge.rank import Rank
from stages.shared.judging.agreement import kendall_w
from tests.support.replies import grades, likely, written

ROW = {"id": "row0", "parents": [], "instruction": "Name a river.", "response": "The Nile."}
TALK = {
    "id": "row0",
    "parents": [],
    "messages": [
        {"role": "user", "content": "Name a river."},
        {"role": "assistant", "content": "The Nile."},
        {"role": "user", "content": "A shorter one?"},
        {"role": "assistant", "content": "The Spree."},
    ],
}


def text(ask):
    return ask.prompt.messages[-1].content


def shared(texts):
    """How many characters all begin with."""
    return len(list(itertools.takewhile(lambda each: len(set(each)) == 1, zip(*texts))))  # noqa: B905


def test_a_checklist_of_the_rows_own():
    row = {**ROW, "questions": ["Is it a river?", "Is it in Asia?"]}
    asks = Checklist().next(row, ())
    assert ["Is it a river?" in text(ask) for ask in asks] == [True, False]
    assert shared(map(text, asks)) > text(asks[0]).index("The Nile.")
    columns = Checklist().next(row, (likely(yes=0.9, no=0.1), likely(yes=0.2, no=0.6))).columns
    assert columns["checks"] == pytest.approx([0.9, 0.25])
    assert columns["score"] == pytest.approx(0.575)
    assert columns["checks_asked"] == row["questions"]


@pytest.mark.parametrize(("take", "score"), [("mean", 0.5), ("most", 0.8), ("least", 0.2)])
def test_questions_of_the_recipe(take, score):
    stage = Checklist(questions=("Is it a river?", "Is it short?"), take=take)
    assert "questions" not in stage.needs
    replies = (likely(yes=0.8, no=0.2), likely(yes=0.2, no=0.8))
    assert stage.next(ROW, replies).columns["score"] == pytest.approx(score)


def test_a_row_without_questions_is_asked_nothing():
    for questions in (None, [], [" "]):
        fate = Checklist().next({**ROW, "questions": questions}, ())
        assert fate.columns["score"] is None


def test_a_column_for_each_criterion():
    stage = Criteria(criteria={"truth": "Is it true?", "brevity": "Is it short?"}, scale=(0, 4))
    asks = stage.next(ROW, ())
    assert ["Is it true?" in text(ask) for ask in asks] == [True, False]
    assert shared(map(text, asks)) > text(asks[0]).index("The Nile.")
    columns = stage.next(ROW, (grades(d4=1.0), grades(d0=0.5, d1=0.5))).columns
    assert (columns["truth"], columns["brevity"]) == pytest.approx((4, 0.5))
    assert columns["score"] == pytest.approx(2.25)
    assert set(columns) == set(stage.adds)


def test_a_one_stays_a_one():
    """One of the released scripts of UltraFeedback turned 2,628 ones into tens."""
    stage = Criteria(criteria={"truth": "Is it true?"}, verdict="rationale")
    assert stage.next(ROW, (written(reasons="No.", verdict="1"),)).columns["truth"] == 1


@pytest.mark.parametrize(
    ("turns", "graded"),
    [("whole", [None]), ("each", ["The Nile.", "The Spree."]), ("last", ["The Spree."])],
)
def test_what_of_a_conversation_is_graded(turns, graded):
    stage = Conversation(rubric="Is it true?", turns=turns)
    asks = stage.next(TALK, ())
    assert len(asks) == len(graded)
    for ask, turn in zip(asks, graded, strict=True):
        if turn is None:
            assert text(ask).count("<turn-") == 4
        else:
            before, after = text(ask).split("<graded-")
            assert turn in after
            assert turn not in before, "a turn is shown once"
    replies = tuple(grades(**{f"d{5 - i}": 1.0}) for i in range(len(graded)))
    columns = stage.next(TALK, replies).columns
    assert columns["score_turns"] == [5 - i for i in range(len(graded))]


def test_a_conversation_without_an_answer():
    for messages in (None, [], TALK["messages"][:1]):
        for turns in ("whole", "each", "last"):
            stage = Conversation(rubric="Is it true?", turns=turns)
            assert stage.next({**TALK, "messages": messages}, ()).columns["score"] is None


ANSWERS = ["worst", "best", "middle"]
RANKED = {"id": "row0", "parents": [], "instruction": "?", "responses": ANSWERS, "seed": 5}
TRUE_ORDER = ("best", "middle", "worst")


def by_truth(ask, verdict):
    """What a judge without a flaw says to one listing."""
    shown = [line for line in text(ask).splitlines() if line in ANSWERS]
    letters = dict(zip(shown, "ABC", strict=False))
    if verdict == "logprobs":
        return likely(**{letters[t]: p for t, p in zip(TRUE_ORDER, (0.6, 0.3, 0.1), strict=True)})
    return written(reasons="x", order=[letters[t] for t in TRUE_ORDER])


@pytest.mark.parametrize("verdict", ["logprobs", "token", "rationale"])
def test_answers_are_ranked_whatever_their_order(verdict):
    stage = Rank(repeats=6, verdict=verdict)
    asks = stage.next(RANKED, ())
    assert len({text(ask) for ask in asks}) > 1, "shuffled"
    columns = stage.next(RANKED, tuple(by_truth(ask, verdict) for ask in asks)).columns
    assert columns["ranks"] == [3, 1, 2]
    assert columns["rank_scores"] == [0, 2, 1], "how many it beats"
    assert columns["rank_agreement"] == 1
    assert columns["rank_orders"] == [[1, 2, 0]] * 6


def test_an_order_that_leaves_an_answer_out_is_unreadable():
    stage = Rank(repeats=1, verdict="token")
    for order in (["A", "B"], ["A", "B", "B"], "ABC", None, ["A", "B", "C", "C"]):
        with pytest.raises(ReplyError) as refused:
            stage.next(RANKED, (written(order=order),))
        assert refused.value.call == 0


def test_letters_that_the_judge_says_nothing_of_share_a_rank():
    stage = Rank(repeats=3)
    row = RANKED | {"responses": ["a", "b", "c", "d"]}
    asks = stage.next(row, ())
    assert len(asks) == 3
    replies = tuple(likely(A=0.9) for _ in asks)
    columns = stage.next(row, replies).columns
    for order in columns["rank_orders"]:
        assert len(order) == 4
    assert sorted(set(columns["ranks"]))[-1] <= 3
    assert sum(columns["ranks"]) == pytest.approx(10)


def test_what_cannot_be_ranked():
    for responses in (None, [], ["one"], ["x"] * 11, ["one", None]):
        assert isinstance(Rank().next({**RANKED, "responses": responses}, ()), Dropped)


def test_kendalls_w():
    """Identical rankings 1, opposite ones 0; Siegel and Castellan's tied example by hand."""
    assert kendall_w([[1, 2, 3], [1, 2, 3]]) == 1
    assert kendall_w([[1, 2, 3], [3, 2, 1]]) == 0
    # Three raters, six things: sums 8, 14, 11, 11, 14, 5 deviate from 10.5 by 25.5/… below.
    ranks = [[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]]
    sums = [8, 14, 11, 11, 11, 8]
    spread = sum((each - 10.5) ** 2 for each in sums)
    assert kendall_w(ranks) == pytest.approx(12 * spread / (9 * (216 - 6)))


def test_kendalls_w_of_chance_is_that_of_the_friedman_statistic():
    """W = chi^2 / (m (n - 1)), with ties too, against SciPy."""
    from scipy.stats import friedmanchisquare, rankdata

    draw = random.Random(3)
    for _ in range(50):
        table = [[draw.randint(1, 4) for _ in range(5)] for _ in range(4)]
        ranks = [list(rankdata(row)) for row in table]
        if all(len(set(row)) == 1 for row in table):
            continue
        chi = friedmanchisquare(*zip(*table, strict=True)).statistic
        assert kendall_w(ranks) == pytest.approx(chi / (4 * 4))
