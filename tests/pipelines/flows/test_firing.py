"""The seed of a firing, and which run it takes up: without a server."""

import pytest

from pipelines.flows.firing import seed, unfinished
from pipelines.recipe.parse import parse
from pipelines.store import runs
from pipelines.store.store import Store

DUE = [f"2026-11-2{day}T03:00:00+00:00" for day in range(1, 5)]


@pytest.fixture
def store(tmp_path):
    return Store.at(tmp_path / "store")


def record(store, recipe, due, status, **source):
    run = runs.Run(
        id=runs.new_id(store.runs, "small"),
        recipe="small",
        recipe_path="small.yaml",
        source=dict(recipe.source) | {"seed": seed(recipe.seed, due)} | source,
        status=status,
        started=runs.now(),
        scheduled=due,
        steps=(),
        versions={},
    )
    runs.write(store.runs, run)


def test_each_due_time_has_a_seed_of_its_own():
    seeds = {seed(base, due) for base in (0, 7) for due in DUE}
    assert len(seeds) == 8
    assert all(0 <= s < 2**31 for s in seeds)
    assert seed(7, DUE[0]) == seed(7, DUE[0])


def test_a_run_that_did_not_end_is_taken_up(store, small_recipe, root):
    recipe = parse(small_recipe(), root)
    record(store, recipe, DUE[0], "done")
    record(store, recipe, DUE[1], "interrupted")
    assert list(unfinished(store, recipe, DUE[2])) == [DUE[1]]


@pytest.mark.parametrize("status", ["failed", "running", "interrupted"])
def test_until_it_is_done(store, small_recipe, root, status):
    recipe = parse(small_recipe(), root)
    record(store, recipe, DUE[1], status)
    assert list(unfinished(store, recipe, DUE[2])) == [DUE[1]]
    record(store, recipe, DUE[1], "done")
    assert list(unfinished(store, recipe, DUE[2])) == []


def test_only_the_last_and_only_the_earlier(store, small_recipe, root):
    recipe = parse(small_recipe(), root)
    record(store, recipe, DUE[0], "failed")
    record(store, recipe, DUE[1], "done")
    record(store, recipe, DUE[3], "failed")
    assert list(unfinished(store, recipe, DUE[2])) == []


def test_a_changed_recipe_starts_afresh(store, small_recipe, root):
    recipe = parse(small_recipe(), root)
    record(store, recipe, DUE[0], "failed", limits={"failed": 0.1})
    record(store, recipe, DUE[0], "failed", seed=1)
    assert list(unfinished(store, recipe, DUE[1])) == []


def test_runs_by_hand_are_not_taken_up(store, small_recipe, root, run_recipe):
    run_recipe(small_recipe(), store)
    assert list(unfinished(store, parse(small_recipe(), root), DUE[0])) == []
