"""Operators: drawn evenly, by the run's seed and by the round."""

from collections import Counter

import pytest

from pipelines.execution.shards.row_seeds import with_seed
from pipelines.plan.plan import plan
from pipelines.recipe.parse import parse
from stages.evolve.rewrite import OPERATORS, Rewrite

RESPOND = {
    "use": "generate.respond",
    "columns": {"instruction": "evolved", "response": "evolved_response"},
}


def drawn(as_table, fingerprint, rows=1200):
    table = as_table([{"instruction": "x"}] * rows)
    seeded = with_seed(table, Rewrite().needs, fingerprint).to_pylist()
    return [Rewrite().operator(row) for row in seeded]


def test_operators_are_drawn_uniformly_and_again_the_same(as_table):
    first = drawn(as_table, "f")
    assert first == drawn(as_table, "f")
    counts = Counter(first)
    # Chi-square with 5 degrees of freedom: above 20.5 in one of a thousand.
    assert sum((counts[o] - 200) ** 2 / 200 for o in OPERATORS) < 20.5


@pytest.fixture
def steps(small_recipe, root):
    def make(seed, **settings):
        block = [{"use": "evolve.rewrite", **settings}, {"use": "evolve.compare"},
                 RESPOND,
                 {"use": "evolve.eliminate"}]  # fmt: skip
        stages = [
            {"use": "source.seed_tasks", "path": "configs/seeds/self_instruct_seed_tasks.jsonl"},
            {"use": "generate.respond"}, {"use": "evolve.begin"},
            {"repeat": 2, "stages": block},
        ]  # fmt: skip
        return plan(parse(small_recipe(seed=seed, stages=stages), root))

    return make


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.0}])
def test_other_seeds_and_other_rounds_draw_other_operators(as_table, steps, settings):
    found = []
    for seed in (1, 2, 3):
        rounds = [s for s in steps(seed, **settings) if s.path == "evolve.rewrite"]
        found += [tuple(drawn(as_table, step.fingerprint, 30)) for step in rounds]
    assert len(set(found)) == 6


def test_an_unreadable_evolution_leaves_its_parent_in_the_pool(run_recipe, small_recipe, root):
    script = f"{__name__}:cut_off"
    block = [{"use": "evolve.rewrite"}, {"use": "evolve.compare"},
             RESPOND,
             {"use": "evolve.eliminate"}]  # fmt: skip
    seeds = root / "configs/seeds/self_instruct_seed_tasks.jsonl"
    stages = [{"use": "source.seed_tasks", "path": str(seeds), "rows": 20},
              {"use": "generate.respond"}, {"use": "evolve.begin"}, *block]  # fmt: skip
    engines = {"main": {"kind": "scripted", "script": script}}
    run, store = run_recipe(small_recipe(stages=stages, engines=engines))
    from pipelines.store.query.catalog import query

    rows = query(store, run, "SELECT generation, count(*) AS n FROM dataset GROUP BY ALL")
    counts = {row["generation"]: row["n"] for row in rows.to_pylist()}
    assert counts[0] == 20
    assert 0 < counts[1] < 20
    assert query(store, run, "SELECT * FROM rejected").num_rows == 0
    unread = query(store, run, "SELECT sum(unreadable) AS n FROM stages").to_pylist()[0]["n"]
    assert unread == 20 - counts[1]


def cut_off(request):
    """Every other evolution ends in the middle of its JSON; the answers to all others count."""
    import json
    from dataclasses import replace

    from stages.ask import Sample
    from stages.engines import scripts

    reply = scripts.babble(request)
    if request.ask.logprobs:
        return replace(reply, samples=(Sample("no", logprobs=({"no": -0.1, "yes": -3.0},)),))
    if request.ask.schema:
        text = json.dumps({"request": "Name four mountains of this land."})
        whole = text if request.seed % 2 else text[:12]
        return replace(reply, samples=(Sample(whole),))
    return replace(reply, samples=(Sample("Mountains stand tall above green valleys."),))
