"""Several calls for a row, to several engines: who is asked what, what it costs, what is kept."""

import asyncio
from typing import ClassVar

import pyarrow as pa
import pytest

from pipelines.execution.engines.engine_thread import EngineThread
from pipelines.execution.shards import calls
from pipelines.plan.estimate import estimate
from pipelines.plan.plan import plan
from pipelines.recipe.parse import parse
from pipelines.store.log import log
from pipelines.store.query.catalog import query
from pipelines.store.query.lineage import history
from pipelines.store.store import Store
from stages.ask import Ask, chat
from stages.base import Columns, Kept, MultiCallStage
from stages.dialogue.simulate import Simulate
from stages.engines import scripts
from stages.engines.base import Answer
from stages.engines.scripted import Scripted
from stages.errors import ReplyError, RunError, UserError

ROWS = pa.table(
    {
        "id": [f"{i:032x}" for i in range(6)],
        "parents": pa.array([[]] * 6, pa.list_(pa.string())),
        "instruction": [f"Say {i}." for i in range(6)],
    }
)


@pytest.fixture
def panel(small_recipe):
    """Pairs, judged in both orders by two."""

    def make(script="babble", engine="other", judges=("main", "other"), **judge):
        kinds = {name: {"kind": "scripted"} for name in ("main", "other")}
        kinds[engine]["script"] = script
        writer = "main" if engine == "other" else "other"
        stages = [
            {"use": "generate.magpie", "rows": 24, "engine": writer},
            {"use": "generate.respond", "samples": 2, "engine": writer},
            {"use": "judge.quality", "engine": writer},
            {"use": "pair.best_worst", "min_margin": 0},
            {"use": "judge.pair", "engine": judges, "min_mass": 0.01, **judge},
        ]
        prices = {"main": {"completion": 1.0}, "other": {"completion": 1000.0}}
        return small_recipe(engines=kinds, stages=stages, prices=prices)

    return make


def test_each_call_is_counted_for_the_engine_that_answered(panel, run_recipe):
    run, store = run_recipe(panel())
    sums = "engine, sum(calls) AS calls, sum(usd) AS usd"
    sql = f"SELECT {sums} FROM ledger WHERE stage = 'judge_pair' GROUP BY 1"
    found = {row.pop("engine"): row for row in query(store, run, sql).to_pylist()}
    pairs = query(store, run, "SELECT * FROM dataset").to_pylist()
    assert found["main"]["calls"] == found["other"]["calls"] == 2 * len(pairs) > 0
    assert found["other"]["usd"] == pytest.approx(1000 * found["main"]["usd"])
    (total,) = query(store, run, "SELECT usd FROM stages WHERE stage = 'judge_pair'").to_pylist()
    assert total["usd"] == pytest.approx(sum(each["usd"] for each in found.values()))
    assert all(len(pair["preference_by"]) == 2 for pair in pairs)
    last = history(store, run, pairs[0]["id"])[-1]
    assert last.stage == "judge_pair"


@pytest.mark.parametrize("shy", ["main", "other"])
def test_an_unreadable_reply_is_asked_for_again_alone(panel, run_recipe, shy):
    run, store = run_recipe(panel("tests.data.shy_script:shy", shy, on_parse_error="retry"))
    manifest = log.read(store.stage(run.steps[-1].folder))
    usage, rows = manifest.usage, manifest.counts.input
    assert usage.unreadable > 0
    # A row that is given up was asked as well; nothing else was asked twice.
    given_up = manifest.counts.failed
    assert usage.calls == 4 * rows + usage.unreadable - given_up
    found = dict(zip(("main", "other"), manifest.by_engine, strict=True))
    assert found.pop(shy).calls == 2 * rows + usage.unreadable - given_up
    assert [each.calls for each in found.values()] == [2 * rows]


def test_the_same_rows_however_they_are_cut(panel, run_recipe, tmp_path):
    one, _ = run_recipe(panel())
    cut = panel() | {"placement": {"shard_rows": 24}}
    other, _ = run_recipe(cut, Store.at(tmp_path / "other"))
    assert one.content == other.content


def test_the_estimate_counts_every_call(panel, root, tmp_path):
    last = estimate(plan(parse(panel(on_parse_error="retry"), root)), Store.at(tmp_path))[-1]
    assert last.calls == last.rows * 4 * 3
    assert last.engine == "main, other"


def test_what_an_engine_is_decides_and_not_what_it_is_called(panel, root):
    first = plan(parse(panel(), root))[-1]
    renamed = panel()
    renamed["engines"]["third"] = renamed["engines"].pop("other")
    renamed["prices"]["third"] = renamed["prices"].pop("other")
    renamed["stages"][-1]["engine"] = ["main", "third"]
    assert plan(parse(renamed, root))[-1].fingerprint == first.fingerprint
    assert (
        plan(parse(panel("tests.data.shy_script:shy"), root))[-1].fingerprint != first.fingerprint
    )


@pytest.mark.parametrize(
    ("engine", "cause"),
    [
        (["main", "othr"], "no engine 'othr'"),
        (["main", "main"], "the engine 'main' twice"),
        ([], "engine"),
    ],
)
def test_engines_that_are_not_there(panel, root, engine, cause):
    with pytest.raises(UserError, match=cause):
        plan(parse(panel(judges=engine), root))


def ran(stage):
    host = EngineThread(Scripted())
    try:
        return host.run(calls.run(stage, "f", ROWS, {"main": host})).result()[0]
    finally:
        host.close()


class Once(MultiCallStage):
    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    adds: ClassVar[Columns] = {"calls": pa.int64()}

    def next(self, row, replies):
        return Ask(chat(row["instruction"])) if not replies else Kept({"calls": len(replies)})


class Endless(Once):
    most_calls: ClassVar[int] = 3

    def next(self, row, replies):
        return Ask(chat(row["instruction"]))


class Elsewhere(Once):
    def next(self, row, replies):
        return Ask(chat(row["instruction"]), engine="nobody")


class Silent(Once):
    def next(self, row, replies):
        return []


class Strange(Once):
    def next(self, row, replies):
        return None


class Null(Once):
    def next(self, row, replies):
        return Ask(chat(None))


class Unreadable(Once):
    def next(self, row, replies):
        if not replies:
            return [Ask(chat(row["instruction"]))] * 2
        raise ReplyError("no")

    most_calls: ClassVar[int] = 2


@pytest.mark.parametrize(
    ("stage", "reason", "detail"),
    [
        (Endless(), "bug.ValueError", "more calls than `most_calls`, 3"),
        (Elsewhere(), "bug.ValueError", "nobody, which is no engine of its own"),
        (Silent(), "bug.ValueError", "asks nothing and gives no fate"),
        (Strange(), "bug.TypeError", "NoneType"),
        (Null(), "bug.TypeError", "asks something that is no text"),
        (Unreadable(), "reply.unreadable", "no"),
    ],
)
def test_a_bug_of_a_stage_costs_its_rows(stage, reason, detail):
    fates = ran(stage)
    assert {fate.reason for fate in fates} == {reason}
    assert all(detail in fate.detail for fate in fates)


def test_a_plain_stage_of_one_call():
    assert ran(Once()) == [Kept({"calls": 1})] * 6


class Twice(Once):
    most_calls: ClassVar[int] = 2

    def next(self, row, replies):
        if len(replies) == 2:
            return Kept({"calls": 2})
        return Ask(chat(f"{row['instruction']} {len(replies)}"))


class Holds:
    """Answers the first call of the first row when the second call of another row has come."""

    def __init__(self):
        self.second = asyncio.Event()

    async def complete(self, requests):
        texts = {r.index: r.ask.prompt.messages[-1].content for r in requests}
        if any(text.endswith("1") for text in texts.values()):
            self.second.set()
        for request in sorted(requests, key=lambda r: texts[r.index] == "Say 0. 0"):
            if texts[request.index] == "Say 0. 0":
                await asyncio.wait_for(self.second.wait(), 10)
            yield Answer(request.index, scripts.babble(request))


def test_no_row_waits_for_the_slowest_of_its_shard():
    fates, spent = asyncio.run(calls.run(Twice(), "f", ROWS, {"main": Holds()}))
    assert fates == [Kept({"calls": 2})] * 6
    assert spent.usage(0).calls == 12


class BreaksOff:
    async def complete(self, requests):
        yield Answer(requests[0].index, scripts.babble(requests[0]))
        raise asyncio.CancelledError


def test_an_engine_that_breaks_off_ends_the_shard():
    async def run():
        await asyncio.wait_for(calls.run(Once(), "f", ROWS, {"main": BreaksOff()}), 10)

    with pytest.raises(RunError, match="broke off"):
        asyncio.run(run())


def test_a_conversation_alternates():
    fates = ran(Simulate(turns=2))
    for fate in fates:
        roles = [message["role"] for message in fate.columns["messages"]]
        assert roles == ["user", "assistant"] * 2
