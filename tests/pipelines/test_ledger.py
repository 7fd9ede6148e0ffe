"""What calls took, per row, stage and engine; dollars by the recipe's prices; nothing twice."""

import pytest

from pipelines.recipe.money import Price
from pipelines.recipe.parse import parse
from pipelines.store.query.catalog import query
from stages.ask import Reply, Sample
from stages.errors import UserError

PRICES = {"main": {"prompt": 2.0, "cached": 0.5, "completion": 10.0}}


def counted(request):
    """A script whose calls take as many tokens as the row's position says."""
    n = request.index + 1
    return Reply(
        samples=(Sample("An answer of several words, long enough to be kept."),),
        model=f"m-{request.index % 2}", prompt_tokens=100 * n, completion_tokens=10 * n,
        cached_tokens=50 * n,
    )  # fmt: skip


@pytest.fixture
def source(small_recipe, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"instruction": "Say {n}."}}\n' for n in range(6)))
    engines = {
        "main": {"kind": "scripted", "script": "tests.pipelines.test_ledger:counted"},
        "free": {"kind": "scripted", "script": "tests.pipelines.test_ledger:counted"},
    }
    stages = [
        {"use": "source.instructions", "path": str(path)},
        {"use": "generate.respond"},
        {"use": "generate.respond", "engine": "free", "columns": {"response": "second"}},
    ]

    def make(**more):
        placed = {"placement": {"shard_rows": 3}}
        return small_recipe(engines=engines, stages=stages, prices=PRICES, **placed, **more)

    return make


def test_a_price():
    assert Price(prompt=2, cached=0.5, completion=10).usd(1_000_000, 400_000, 100_000) == 2.4
    assert Price(prompt=2, completion=10).usd(1_000_000, 400_000, 0) == 2.0


def test_each_rows_calls(run_recipe, source):
    run, store = run_recipe(source())
    rows = query(store, run, "SELECT * FROM ledger ORDER BY stage, id").to_pylist()
    assert len(rows) == 12
    assert {row["engine"] for row in rows} == {"main", "free"}
    assert {row["model"] for row in rows} == {"m-0", "m-1"}
    assert all(row["calls"] == 1 for row in rows)
    assert all(row["seconds"] >= 0 for row in rows)
    for row in rows:
        assert row["cached_tokens"] * 2 == row["prompt_tokens"] == row["completion_tokens"] * 10
        usd = (row["cached_tokens"] * 2.5 + row["completion_tokens"] * 10) / 1e6
        assert row["usd"] == (pytest.approx(usd) if row["engine"] == "main" else None)
    joined = "SELECT count(*) AS n FROM ledger JOIN dataset USING (id)"
    assert query(store, run, joined).to_pylist() == [{"n": 12}]


def test_the_ledger_adds_up_to_the_stages(run_recipe, source):
    run, store = run_recipe(source())
    names = ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "usd")
    sums = ", ".join(f"sum({name}) AS {name}" for name in names)
    by_row = query(store, run, f"SELECT stage, {sums} FROM ledger GROUP BY stage ORDER BY stage")
    wanted = f"SELECT stage, {', '.join(names)} FROM stages WHERE calls > 0 ORDER BY stage"
    by_stage = query(store, run, wanted)
    for one, other in zip(by_row.to_pylist(), by_stage.to_pylist(), strict=True):
        assert one == {k: pytest.approx(v) if v else v for k, v in other.items()}


def test_what_is_run_again_is_counted_once(run_recipe, source):
    run, store = run_recipe(source())
    again, _ = run_recipe(source(), store)
    sql = "SELECT sum(calls) AS calls, sum(usd) AS usd FROM ledger"
    assert query(store, run, sql).to_pylist() == query(store, again, sql).to_pylist()
    assert query(store, again, "SELECT DISTINCT reused FROM ledger").to_pylist() == [
        {"reused": True}
    ]


def test_unreadable_replies_cost_too(run_recipe, source):
    """A row that is asked three times, and fails, has three calls in the ledger."""
    wanted = source()
    wanted["stages"][2] = {"use": "judge.quality", "on_parse_error": "retry"}
    wanted["limits"] = {"failed": 1.0}
    run, store = run_recipe(wanted)
    sql = "SELECT sum(calls) AS n FROM ledger WHERE stage = 'judge_quality'"
    assert query(store, run, sql).to_pylist() == [{"n": 18}]


def test_prices_decide_no_row(source, root):
    from pipelines.plan.plan import plan

    free = source()
    del free["prices"]
    first, second = (plan(parse(each, root)) for each in (source(), free))
    assert [step.fingerprint for step in first] == [step.fingerprint for step in second]


@pytest.mark.parametrize(
    ("prices", "cause"),
    [
        ({"mian": {"prompt": 1}}, "prices: the recipe has no engine 'mian'"),
        ({"main": {"input": 1}}, "'prices.main.input' is no setting"),
        ({"main": {"prompt": -1}}, "prices.main.prompt"),
        ({"main": {"prompt": float("nan")}}, "prices.main.prompt"),
    ],
)
def test_wrong_prices(source, root, prices, cause):
    with pytest.raises(UserError, match=cause):
        parse(source() | {"prices": prices}, root)


def test_cost_against_quality_over_the_runs(run_recipe, small_recipe):
    def made(temperature, prices):
        source = small_recipe(prices=prices)
        source["stages"][0] = {"use": "generate.magpie", "rows": 60, "temperature": temperature}
        return source

    first, store = run_recipe(made(0.7, PRICES))
    second, store = run_recipe(made(1.1, {}), store)
    lines = query(store, second, "SELECT * FROM costs ORDER BY run").to_pylist()
    assert [line["run"] for line in lines] == [first.id, second.id]
    assert [line["temperature"] for line in lines] == [0.7, 1.1]
    for run, line in zip((first, second), lines, strict=True):
        stages = {
            row["stage"]: row for row in query(store, run, "SELECT * FROM stages").to_pylist()
        }
        assert line["distinct_rows"] == stages["dedup_semantic"]["rows_out"]
        assert line["accepted"] == stages["dedup_semantic"]["rows_in"]
        assert line["model"] == line["judge"] == "scripted"
        tokens = sum(row["prompt_tokens"] + row["completion_tokens"] for row in stages.values())
        assert line["tokens"] == tokens
        assert line["rows_per_1000_tokens"] == pytest.approx(1000 * line["distinct_rows"] / tokens)
    priced, free = lines
    spent = query(store, first, "SELECT sum(usd) AS usd FROM ledger").to_pylist()[0]["usd"]
    assert priced["usd"] == pytest.approx(spent)
    assert priced["rows_per_usd"] == pytest.approx(priced["distinct_rows"] / spent)
    assert free["usd"] is None
    assert free["rows_per_usd"] is None
