"""Processes that die, engines that answer no more: tried again with a cap, then quarantined."""

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from pipelines.execution.engines.replicas import Replicas
from pipelines.execution.engines.restarting_engine import RestartingEngine
from pipelines.execution.executor import LocalExecutor
from pipelines.execution.shards.calls import unheard
from pipelines.execution.shards.worker_died import EngineLost, WorkerDied
from pipelines.execution.watch import Silent
from pipelines.recipe.parse import parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.query.catalog import query
from pipelines.store.store import Store
from stages.ask import Ask, Raw, Reply, Request, Sample
from stages.engines import scripts
from stages.engines.base import EngineSpec, as_finished
from stages.errors import EngineError, RunError


class Brittle(LocalExecutor):
    """Loses work as a cluster does, where `loses` says so."""

    def submit(self, work, heard=unheard):
        cause = self.loses(work)
        if cause is None:
            return super().submit(work, heard)
        lost = Future()
        lost.set_exception(WorkerDied(cause))
        return lost


@pytest.fixture
def run_brittle(tmp_path, root):
    def run(source, loses, watch=None):
        job = prepare(parse(source, root), Path("x.yaml"), Store.at(tmp_path / "store"))
        executor = Brittle.of(job.recipe)
        executor.loses = loses
        return execute(job, executor, watch or Silent(), run_in_threads), job.store

    return run


def test_work_that_is_lost_now_and_then_costs_nothing(
    run_brittle, small_recipe, run_recipe, tmp_path
):
    seen = set()

    def loses(work):
        key = (work.step.name, work.inputs[0].index)
        first = key not in seen
        seen.add(key)
        return "a worker died" if first else None

    class Told(Silent):
        causes = 0

        def lost(self, step, cause):
            self.causes += 1

    watch = Told()
    run, _ = run_brittle(small_recipe(), loses, watch)
    assert watch.causes == len(seen)
    plain, _ = run_recipe(small_recipe(), Store.at(tmp_path / "plain"))
    assert run.content == plain.content


def poisoned(work, row):
    return work.step.name == "generate_respond" and work.inputs[0].index == 4 and (
        work.only == row or (work.only is None and row not in work.poisoned)
    )  # fmt: skip


def test_a_row_that_kills_its_process_is_quarantined_with_the_cause(run_brittle, small_recipe):
    run, store = run_brittle(
        small_recipe(), lambda work: "signal 11" if poisoned(work, 2) else None
    )
    assert run.status == "done"
    failed = query(store, run, "SELECT * FROM rejected WHERE fate = 'failed'").to_pylist()
    assert [(f["stage"], f["reason"], f["detail"]) for f in failed] == [
        ("generate_respond", "process.died", "signal 11")
    ]
    (third,) = query(store, run, "SELECT id FROM filter_instruction LIMIT 1 OFFSET 6").to_pylist()
    assert failed[0]["id"] == third["id"]
    answered = query(store, run, "SELECT count(*) AS n FROM generate_respond").to_pylist()
    assert answered == [{"n": 11}]


def test_a_set_stage_that_dies_again_and_again_stops_the_run(run_brittle, small_recipe):
    def loses(work):
        return "out of memory" if work.step.name == "dedup_semantic" else None

    with pytest.raises(RunError, match="out of memory, 3 times in a row"):
        run_brittle(small_recipe(), loses)


def test_a_shard_that_dies_though_none_of_its_rows_does_stops_the_run(run_brittle, small_recipe):
    def loses(work):
        here = work.step.name == "generate_respond" and work.inputs[0].index == 4
        return "out of memory" if here and work.only is None else None

    with pytest.raises(RunError, match="out of memory, 3 times in a row"):
        run_brittle(small_recipe(), loses)


class Flaky(EngineSpec):
    """Counts how often it is opened; the script says what each of its engines does."""

    provides = frozenset({"raw"})
    model: str = "m"
    kind: str = "flaky"

    def open(self):
        OPENED.append(Opened(BEHAVIOURS[min(len(OPENED), len(BEHAVIOURS) - 1)]))
        return OPENED[-1]


class Opened:
    def __init__(self, behaviour):
        self._behaviour, self.closed = behaviour, False

    async def complete(self, requests):
        async for answer in as_finished(requests, self._answer):
            yield answer

    async def _answer(self, request):
        return self._behaviour(request)

    async def close(self):
        self.closed = True


OPENED, BEHAVIOURS = [], []


def answers(request):
    return Reply(samples=(Sample("yes"),))


def fails(request):
    raise EngineError("HTTP 500", retryable=True)


def refuses(request):
    raise EngineError("too long")


@pytest.fixture
def ask():
    OPENED.clear()
    BEHAVIOURS.clear()

    def ask(count, *behaviours):
        BEHAVIOURS.extend(behaviours)

        async def all_of():
            engine = RestartingEngine(Flaky())
            requests = [Request(i, Ask(Raw("x")), i) for i in range(count)]
            return [answer async for answer in engine.complete(requests)]

        return asyncio.run(all_of())

    return ask


def test_an_engine_that_is_alive_but_dead_is_replaced_after_three_failures(ask):
    found = ask(5, fails, answers)
    assert [a.outcome.text for a in found] == ["yes"] * 5
    assert len(OPENED) == 2
    assert OPENED[0].closed


def test_refusals_of_single_requests_condemn_no_engine(ask):
    found = ask(5, refuses)
    assert len(OPENED) == 1
    assert all(isinstance(a.outcome, EngineError) for a in found)


def test_two_failures_among_answers_are_the_rows_own(ask):
    found = ask(9, lambda r: fails(r) if r.index in (2, 6) else answers(r))
    assert len(OPENED) == 1
    assert sum(isinstance(a.outcome, EngineError) for a in found) == 2


def test_an_engine_that_never_answers_fails_its_rows_and_ends(ask):
    found = ask(4, fails)
    assert len(OPENED) == 2
    assert all(isinstance(a.outcome, EngineError) for a in found)


def test_a_dead_engine_is_opened_three_times_at_most():
    OPENED.clear()
    BEHAVIOURS[:] = [fails]

    async def many():
        engine = RestartingEngine(Flaky())
        for _ in range(9):
            async for _ in engine.complete([Request(i, Ask(Raw("x")), i) for i in range(4)]):
                pass

    with pytest.raises(EngineError, match="no call succeeds") as caught:
        asyncio.run(many())
    assert caught.value.fatal
    assert len(OPENED) == 4


def test_another_replica_takes_over_what_a_dead_one_leaves():
    copies = Replicas(["one", "two"])
    first, second = copies.take(), copies.take()
    assert {first, second} == {0, 1}
    copies.give_back(first, EngineLost("gone"))
    assert copies.take() == second
    copies.give_back(second, EngineLost("gone too"))
    with pytest.raises(EngineLost, match="gone too"):
        copies.take()


def one_is_dead(request):
    """Whichever of two replicas is asked first answers twice and no more, opened again or not."""
    loop = threading.get_ident()
    DEAD.setdefault("thread", loop)
    DEAD["calls"] = DEAD.get("calls", 0) + 1
    if DEAD["thread"] == loop and DEAD["calls"] > 2:
        raise EngineError("the engine core died", fatal=True)
    return scripts.babble(request)


DEAD = {}


def test_a_run_goes_on_with_the_replica_that_is_left(small_recipe, run_recipe, tmp_path):
    DEAD.clear()
    main = {"kind": "scripted", "script": f"{__name__}:one_is_dead"}
    engines = {"main": main, "embedder": {"kind": "scripted"}}
    placement = {"shard_rows": 4, "engines": {"main": {"replicas": 2}}}
    run, _ = run_recipe(small_recipe(engines=engines, placement=placement))
    assert run.status == "done"
    alone = small_recipe(engines=engines, placement={"shard_rows": 4})
    DEAD.clear()
    with pytest.raises(RunError, match="the engine cannot go on"):
        run_recipe(alone, Store.at(tmp_path / "alone"))


def test_placement_of_an_engine_that_is_not_there(small_recipe, root):
    from stages.errors import UserError

    source = small_recipe(placement={"engines": {"mian": {"replicas": 2}}})
    with pytest.raises(UserError, match="has no engine 'mian'") as caught:
        parse(source, root)
    assert "main" in caught.value.remedy
    split = small_recipe(placement={"engines": {"main": {"tensor_parallel": 2}}})
    with pytest.raises(UserError, match="is not split over GPUs"):
        parse(split, root)
