"""A pilot's estimate against the run itself."""

import pytest

from pipelines.recipe.parse import parse
from pipelines.run.pilot import pilot
from pipelines.store.query.catalog import query


@pytest.fixture
def source(small_recipe):
    prices = {"main": {"prompt": 2.0, "completion": 10.0}}
    made = small_recipe(prices=prices)
    made["stages"][0] = {"use": "generate.magpie", "rows": 200}
    made["stages"][1] = {"use": "filter.instruction", "min_chars": 72}
    return made


def test_what_it_expects_is_what_comes(run_recipe, source, root):
    expected = pilot(parse(source, root), root / "x.yaml", 60)
    run, store = run_recipe(source)
    found = query(store, run, "SELECT * FROM stages ORDER BY position").to_pylist()
    assert [e.name for e in expected] == [row["stage"] for row in found]
    # The more rows, the more of them are alike: behind a dedup the estimate is a bound.
    *estimated, last = zip(expected, found, strict=True)
    assert last[0].rows >= last[1]["rows_in"]
    for mine, real in estimated:
        assert mine.rows == pytest.approx(real["rows_in"], rel=0.15)
        if mine.engine:
            assert mine.calls == pytest.approx(real["calls"], rel=0.15)
            assert mine.completion_tokens == pytest.approx(real["completion_tokens"], rel=0.15)
        if mine.engine == "main":
            assert mine.usd == pytest.approx(real["usd"], rel=0.15)
        else:
            assert mine.usd is None
    # Vacuity: something was dropped on the way, so that there was something to estimate.
    assert found[-2]["rows_in"] < 200


def test_a_pilot_whose_rows_are_all_dropped(source, root):
    source["stages"][1] = {"use": "filter.instruction", "min_chars": 10_000, "max_chars": 20_000}
    expected = pilot(parse(source, root), root / "x.yaml", 5)
    assert expected[0].calls == 200
    assert [e.rows for e in expected[1:]] == [200, 0, *[None] * (len(expected) - 3)]
