"""A budget ends a run in time, with a dataset; more of it goes on where it ended."""

import json
from contextlib import contextmanager

import pytest

from pipelines.execution.engines.reply_log import Cassettes
from pipelines.execution.executor import LocalExecutor
from pipelines.execution.watch import Silent
from pipelines.export.export import reading
from pipelines.recipe.parse import parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.run.rebuild import affected, rebuild
from pipelines.store.query.catalog import query
from pipelines.store.store import Store
from pipelines.store.upkeep.gc import collect
from pipelines.store.upkeep.repair import forget_damage
from pipelines.store.upkeep.verify import verify
from stages.errors import UserError

PRICES = {"main": {"prompt": 10.0, "completion": 100.0}}
ROWS, SHARD = 200, 8


@pytest.fixture
def source(small_recipe, tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"instruction": f"Tell a story of {n} birds."}) for n in range(ROWS)]
    path.write_text("\n".join(lines))

    def make(*between, **more):
        stages = [
            {"use": "source.instructions", "path": str(path)},
            {"use": "generate.respond", "max_tokens": 60},
            *between,
            {"use": "judge.quality"},
            {"use": "annotate.embedding"},
            {"use": "select.quality_diversity", "rows": 20},
        ]
        placed = {"shard_rows": SHARD}
        return small_recipe(stages=stages, placement=placed, prices=PRICES, **more)

    return make


def spent(store, run):
    sql = "SELECT sum(usd) AS usd, sum(prompt_tokens + completion_tokens) AS tokens FROM ledger"
    (found,) = query(store, run, f"{sql} WHERE engine = 'main'").to_pylist()
    return round(float(found["usd"]), 9), int(found["tokens"])


def stage(store, run, name):
    return query(store, run, f"SELECT * FROM stages WHERE stage = '{name}'").to_pylist()[0]


@pytest.mark.parametrize("unit", ["usd", "tokens"])
@pytest.mark.parametrize("share", [0.15, 0.5])
@pytest.mark.parametrize("barrier", [False, True], ids=["streamed", "behind a dedup"])
def test_it_ends_at_its_cap_with_a_dataset(run_recipe, source, tmp_path, unit, share, barrier):
    between = [{"use": "dedup.exact"}] if barrier else []
    whole, store = run_recipe(source(*between), Store.at(tmp_path / "whole"))
    assert whole.status == "done"
    total = dict(zip(("usd", "tokens"), spent(store, whole), strict=True))
    cap = total[unit] * share
    cap = int(cap) if unit == "tokens" else cap
    run, store = run_recipe(source(*between, budget={unit: cap}), Store.at(tmp_path / "capped"))
    assert run.status == "capped"
    assert f"the budget of {cap:g} {unit}" in run.error
    took = dict(zip(("usd", "tokens"), spent(store, run), strict=True))[unit]
    shard = SHARD * total[unit] / ROWS
    assert took <= cap + 3 * shard
    assert took >= 0.9 * cap
    rows = query(store, run, "SELECT * FROM dataset").to_pylist()
    assert 5 <= len(rows) <= 20
    with reading(store, run, "trl-sft") as batches:
        assert batches.read_all().num_rows == len(rows)
    judged = stage(store, run, "judge_quality")
    # What was made was carried to the end, but for what was under way at the last moment.
    assert judged["rows_in"] >= stage(store, run, "generate_respond")["rows_out"] - 3 * SHARD
    assert verify(store).findings == []


def test_with_more_it_goes_on_and_pays_nothing_twice(run_recipe, source, tmp_path):
    whole, _ = run_recipe(source(), Store.at(tmp_path / "whole"))
    run, store = run_recipe(source(budget={"tokens": 4_000}), Store.at(tmp_path / "store"))
    assert run.status == "capped"
    first = {r["id"] for r in query(store, run, "SELECT DISTINCT id FROM ledger").to_pylist()}
    again, store = run_recipe(source(budget={"tokens": 4_000}), store)
    assert again.status == "capped"
    assert spent(store, again) == spent(store, run)
    done, store = run_recipe(source(), store)
    assert done.status == "done"
    assert done.content == whole.content
    sql = "SELECT max(calls) AS most, count(*) AS n FROM ledger WHERE engine = 'main'"
    assert query(store, done, sql).to_pylist() == [{"most": 1, "n": 2 * ROWS}]
    assert first <= {r["id"] for r in query(store, done, "SELECT id FROM ledger").to_pylist()}


def test_minutes(source, root, tmp_path):
    recipe = source(budget={"minutes": 0.0})
    job = prepare(parse(recipe, root), tmp_path / "x.yaml", Store.at(tmp_path / "store"))
    run = execute(job, LocalExecutor.of(job.recipe), Silent(), run_in_threads)
    assert run.status == "capped"
    assert "0 minutes" in run.error
    assert query(job.store, run, "SELECT * FROM dataset").num_rows == 0


def test_a_budget_that_is_enough_changes_nothing(run_recipe, source, tmp_path):
    plain, _ = run_recipe(source(), Store.at(tmp_path / "plain"))
    run, _ = run_recipe(source(budget={"usd": 1e6, "tokens": 10**9, "minutes": 60}))
    assert (run.status, run.content) == ("done", plain.content)


def test_dollars_without_a_price(source, root):
    free = source(budget={"usd": 1})
    del free["prices"]
    with pytest.raises(UserError, match=r"budget\.usd"):
        parse(free, root)


def test_a_capped_run_goes_on_showing_what_it_saw(run_recipe, source, tmp_path):
    run, store = run_recipe(source(budget={"tokens": 4_000}), Store.at(tmp_path / "store"))
    rows = query(store, run, "SELECT * FROM dataset ORDER BY id").to_pylist()
    stages = query(store, run, "SELECT stage, rows_in, calls FROM stages").to_pylist()
    done, store = run_recipe(source(), store)
    assert done.status == "done"
    assert query(store, run, "SELECT * FROM dataset ORDER BY id").to_pylist() == rows
    assert query(store, run, "SELECT stage, rows_in, calls FROM stages").to_pylist() == stages
    assert verify(store).findings == []
    with store.writing("gc") as lease:
        collect(store, lease.epoch)
    assert query(store, run, "SELECT * FROM dataset ORDER BY id").to_pylist() == rows
    assert verify(store).findings == []


def test_damage_of_a_capped_run_is_computed_again_under_its_budget(run_recipe, source, tmp_path):
    run, store = run_recipe(source(budget={"tokens": 4_000}), Store.at(tmp_path / "store"))
    rows = query(store, run, "SELECT * FROM dataset ORDER BY id").to_pylist()
    folder = next(s.folder for s in run.steps if s.path == "generate.respond")
    path = next((tmp_path / "store/stages" / folder).glob("part-*"))
    path.write_bytes(b"PAR1")
    assert verify(store).findings
    with store.writing("repair") as lease:
        forget_damage(store, lease.epoch)

    @contextmanager
    def watching(job):
        yield Silent()

    (again,) = rebuild(store, affected(store), Cassettes(), watching)
    assert again.same
    assert verify(store).findings == []
    assert query(store, run, "SELECT * FROM dataset ORDER BY id").to_pylist() == rows
