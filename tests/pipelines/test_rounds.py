"""Rounds over a pool: until enough is accepted, with the same rows whatever was killed."""

import sys
import types
from collections import Counter
from typing import ClassVar

import pyarrow as pa
import pytest
from pydantic import Field

from pipelines.execution.watch import Silent
from pipelines.plan.estimate import estimate
from pipelines.plan.explain import explain
from pipelines.plan.plan import plan
from pipelines.recipe.parse import parse
from pipelines.report.facts import read_facts
from pipelines.run.preview import preview
from pipelines.store.query.lineage import history
from pipelines.store.store import Store
from pipelines.store.upkeep.verify import verify
from stages.base import Derived, SetStage
from stages.errors import UserError
from tests.conftest import ROOT
from tests.support.rows import rows

MAGPIE = {"use": "generate.magpie", "rows": 10}
ANSWER = {"use": "generate.respond"}


class Calls(Silent):
    """Rows that each step has asked for in this run."""

    def __init__(self):
        self.asked = Counter()

    def heard(self, step, rows, tokens):
        self.asked[step.name] += rows


@pytest.fixture
def rounds(small_recipe):
    def make(*, times=8, accepted=25, before=(), stages=(MAGPIE, ANSWER), **changes):
        until = {} if accepted is None else {"until": {"accepted": accepted}}
        block = {"rounds": times, **until, "stages": list(stages)}
        return small_recipe(stages=[*before, block], **changes)

    return make


def test_rounds_end_when_enough_is_accepted(run_recipe, rounds):
    run, store = run_recipe(rounds())
    found = rows(run, store)
    assert len(found) == 25
    assert len({row["id"] for row in found}) == 25
    assert len({row["instruction"] for row in found}) == 25
    # Of the third round five are beyond what was wanted; the fourth was not begun.
    made = {step.name for step in run.steps} - {"select_first"}
    assert made == {f"generate_{what}_{n}" for n in (1, 2, 3) for what in ("magpie", "respond")}
    gone = rows(run, store, "SELECT id, reason FROM rejected")
    third = {row["id"] for row in rows(run, store, "SELECT id FROM generate_respond_3")}
    assert {row["reason"] for row in gone} == {"select.enough"}
    assert {row["id"] for row in gone} < third
    assert len(gone) == 5
    assert not verify(store).findings


def test_neither_shards_nor_time_decide_the_rows(run_recipe, rounds, tmp_path):
    sizes = (1, 3, 100)
    made = [
        run_recipe(rounds(placement={"shard_rows": size}), Store.at(tmp_path / f"store{size}"))[0]
        for size in sizes
    ]
    assert len({run.content for run in made}) == 1


def test_a_run_that_is_done_asks_nothing_again(run_recipe, rounds):
    run, store = run_recipe(rounds())
    watch = Calls()
    again, _ = run_recipe(rounds(), store, watch)
    assert not watch.asked
    assert all(step.reused for step in again.steps)
    assert again.content == run.content


def test_more_that_is_wanted_keeps_the_rounds_there_are(run_recipe, rounds):
    few, store = run_recipe(rounds(accepted=15))
    watch = Calls()
    more, _ = run_recipe(rounds(accepted=35), store, watch)
    assert set(watch.asked) == {
        f"generate_{what}_{n}" for n in (3, 4) for what in ("magpie", "respond")
    }
    first = {row["id"] for row in rows(few, store)}
    assert first < {row["id"] for row in rows(more, store)}
    # The earlier run is what it was, though rounds came that it had no need of.
    assert len(first) == len(rows(few, store)) == 15
    assert len(rows(more, store)) == 35
    fewer, _ = run_recipe(rounds(accepted=15), store)
    assert [step.name for step in fewer.steps] == [step.name for step in few.steps]
    assert fewer.content == few.content
    assert not verify(store).findings


def test_rounds_that_bring_too_few_are_all_made(run_recipe, rounds):
    run, store = run_recipe(rounds(times=3, accepted=100))
    assert run.status == "done"
    assert len(rows(run, store)) == 30


def test_without_until_all_rounds_are_made(run_recipe, rounds):
    run, store = run_recipe(rounds(times=3, accepted=None))
    found = rows(run, store)
    assert len({row["id"] for row in found}) == 30
    assert not verify(store).findings


def test_the_report_is_about_all_rounds(run_recipe, rounds):
    stages = (MAGPIE, {"use": "annotate.embedding"}, ANSWER, {"use": "judge.quality"})
    run, store = run_recipe(rounds(stages=stages))
    found = read_facts(store, run)
    assert (found.started, found.rows) == (30, 25)
    assert len(found.mapped) == len(found.judged) == 30


def test_fewer_that_are_wanted_take_nothing_from_an_earlier_run(run_recipe, rounds):
    more, store = run_recipe(rounds(accepted=35))
    run_recipe(rounds(accepted=15), store)
    assert len(rows(more, store, "SELECT id FROM generate_respond_4")) == 10
    watch = Calls()
    run_recipe(rounds(accepted=35), store, watch)
    assert not watch.asked
    assert not verify(store).findings


def test_chains_with_the_same_rounds_want_what_each_wants(run_recipe, small_recipe):
    block = {"rounds": 8, "stages": [MAGPIE, {"use": "annotate.embedding"}]}
    new = {"use": "decontaminate.neighbours", "against": ["few", "many"], "threshold": 0.999}
    hot = MAGPIE | {"temperature": 1.2}
    chains = {
        "few": [block | {"until": {"accepted": 10}}],
        "many": [block | {"until": {"accepted": 30}}],
    }
    source = small_recipe(chains=chains, stages=[hot, {"use": "annotate.embedding"}, new])
    run, store = run_recipe(source)
    counts = [
        len(rows(run, store, f"SELECT id FROM {name}_select_first")) for name in ("few", "many")
    ]
    assert counts == [10, 30]
    names = [step.name for step in run.steps if step.path == "generate.magpie"]
    assert len(names) == 4  # three rounds, and the dataset's own


def test_costs_count_the_rows_of_all_rounds(run_recipe, rounds):
    run, store = run_recipe(rounds(stages=(MAGPIE, ANSWER, {"use": "dedup.exact"})))
    (line,) = rows(run, store, "SELECT accepted, distinct_rows, started_with FROM costs")
    assert line == {"accepted": 30, "distinct_rows": 30, "started_with": 30}


def test_one_round_is_the_list_alone(run_recipe, rounds, small_recipe):
    alone, store = run_recipe(small_recipe(stages=[MAGPIE, ANSWER]))
    run, _ = run_recipe(rounds(), store)
    assert {step.folder for step in run.steps if step.reused} == {s.folder for s in alone.steps}


def test_what_was_before_goes_on_and_is_not_counted(run_recipe, rounds):
    source = rounds(before=[MAGPIE, ANSWER], accepted=12)
    source["stages"].append({"use": "dedup.exact"})
    run, store = run_recipe(source)
    found = rows(run, store)
    assert len({row["id"] for row in found}) == 22
    (first,) = [s for s in run.steps if s.name == "generate_respond_1"]
    old = {row["id"] for row in rows(run, store, f"SELECT id FROM {first.name}")}
    assert old < {row["id"] for row in found}


def test_two_blocks_make_other_rows(run_recipe, rounds):
    source = rounds(accepted=12)
    source["stages"] *= 2
    run, store = run_recipe(source)
    found = rows(run, store)
    assert len({row["id"] for row in found}) == 24
    assert len({row["instruction"] for row in found}) == 24


def test_rows_are_held_against_the_pool(run_recipe, rounds):
    embed = {"use": "annotate.embedding"}
    new = {"use": "decontaminate.neighbours", "against": ["pool"], "threshold": 0.7}
    run, store = run_recipe(rounds(stages=(MAGPIE, embed, new), accepted=22))
    found = rows(run, store, "SELECT id, detail FROM rejected WHERE reason LIKE 'decon%'")
    assert found
    # What it is near to came in an earlier round.
    first = {row["id"] for row in rows(run, store, "SELECT id FROM generate_magpie_1")}
    assert not first & {row["id"] for row in found}
    assert all(row["detail"].endswith(" of pool") for row in found)
    assert len(rows(run, store)) == 22


@pytest.fixture
def draw(monkeypatch):
    """A stage that draws from the pool: the rounds' last row of each, once more."""

    class Draw(SetStage):
        needs: ClassVar[tuple[str, ...]] = ("instruction",)
        adds: ClassVar = {"instruction": pa.string()}
        derives: ClassVar[bool] = True
        rows: int = Field(gt=0)

        def run(self, rows, seed):
            pool = [
                row for table in rows.tables(["id", "instruction"]) for row in table.to_pylist()
            ]
            for place, row in enumerate(pool):
                drawn = place >= len(pool) - self.rows
                yield Derived(({"instruction": row["instruction"] + "!"},) if drawn else ())

    module = types.ModuleType("stages.drawn.draw")
    Draw.__module__ = module.__name__
    module.Draw = Draw
    monkeypatch.setitem(sys.modules, "stages.drawn", types.ModuleType("stages.drawn"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return {"use": "drawn.draw", "rows": 4}


def test_a_round_reads_the_pool(run_recipe, rounds, draw):
    run, store = run_recipe(rounds(before=[MAGPIE], stages=(draw,), accepted=10))
    found = rows(run, store)
    assert len({row["id"] for row in found}) == 20
    assert Counter(row["instruction"].count("!") for row in found) == {0: 10, 1: 4, 2: 4, 3: 2}
    (last, *_) = (row for row in found if row["instruction"].endswith("!!!"))
    made = [e.stage for e in history(store, run, last["id"]) if e.row_id == last["id"]]
    assert made == ["drawn_draw_3", "select_first", "mix_pool"]
    again, _ = run_recipe(rounds(before=[MAGPIE], stages=(draw,), accepted=10), store)
    assert all(step.reused for step in again.steps)


def test_many_rounds_over_a_pool_are_planned(small_recipe, draw):
    # Each round takes the rows of all before it: ways through the plan are 2 to the 90th.
    grown = [MAGPIE, {"rounds": 90, "stages": [draw]}]
    chains = {"grown": grown, "plain": [MAGPIE | {"temperature": 1.2}]}
    join = {"use": "mix.concat", "of": ["grown", "plain"]}
    steps = plan(parse(small_recipe(chains=chains, stages=[join]), ROOT))
    assert len(steps) == 93


def test_a_plan_counts_all_rounds_and_a_preview_has_one(rounds, tmp_path):
    recipe = parse(rounds(times=3), ROOT)
    steps = plan(recipe)
    found = {e.step.name: e.rows for e in estimate(steps, Store.at(tmp_path / "none"))}
    assert found["select_first"] == 30
    assert set(explain("small", steps, Store.at(tmp_path / "none"))) == {
        "computed: no run of this recipe had it"
    }
    shown = preview(recipe, ROOT / "test.yaml", 3)
    assert (len(shown.rows), shown.became, shown.gone) == (3, 3, [])


@pytest.mark.parametrize(
    ("block", "cause", "remedy"),
    [
        ({"rounds": 0, "stages": [MAGPIE]}, "stages[0]: 'rounds'", "It was 0"),
        ({"rounds": 2, "stage": [MAGPIE]}, "'stage' is no setting", "'stages'"),
        ({"rounds": 2, "stages": []}, "stages[0].stages is no list of stages", "use:"),
        (
            {"rounds": 2, "until": {"acepted": 3}, "stages": [MAGPIE]},
            "'until.acepted' is no setting",
            "Did you mean 'accepted'?",
        ),
        (
            {"rounds": 2, "stages": [MAGPIE, {"rounds": 2, "stages": [MAGPIE]}]},
            "rounds stand within rounds",
            "Take",
        ),
        ({"rounds": True, "stages": [MAGPIE]}, "stages[0]: 'rounds'", "It was True"),
        ({"rounds": 2, "stages": [{"use": "dedup.exact"}]}, "comes first but needs rows", "magpie"),
    ],
)
def test_rounds_that_cannot_be(small_recipe, block, cause, remedy):
    with pytest.raises(UserError) as error:
        plan(parse(small_recipe(stages=[block]), ROOT))
    assert cause in error.value.cause
    assert remedy in error.value.remedy


def test_a_round_is_not_opened_by_a_join(small_recipe):
    block = {"rounds": 3, "stages": [{"use": "mix.concat", "of": ["a"]}]}
    with pytest.raises(UserError, match="brings the same rows each time"):
        plan(parse(small_recipe(chains={"a": [MAGPIE]}, stages=[block]), ROOT))


@pytest.mark.parametrize(
    ("stages", "cause"),
    [
        (({"use": "dedup.exact"},), "rows of the pool would go on as its own"),
        ((MAGPIE,), "make rows with other columns than the rows before have: response"),
    ],
)
def test_a_pool_that_cannot_be(rounds, stages, cause):
    with pytest.raises(UserError, match=cause):
        plan(parse(rounds(before=[MAGPIE, ANSWER], stages=stages), ROOT))
