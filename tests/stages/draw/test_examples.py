"""Examples from several chains, in the numbers that are asked for."""

from collections import Counter

from stages.base import Dropped
from stages.draw.examples import Examples


def drawn(as_table, reader, rows, of, seed=1, **chains):
    none = as_table([{"instruction": ""}]).slice(0, 0)
    tables = {
        n: as_table([{"instruction": t} for t in texts]) if texts else none
        for n, texts in chains.items()
    }
    blank = as_table([{} for _ in range(rows)])
    return list(Examples(of=of).run(reader(blank, **tables), seed))


SEEDS, POOL = [f"seed {i}" for i in range(10)], [f"pool {i}" for i in range(10)]


def test_so_many_of_each(as_table, reader):
    for fate in drawn(as_table, reader, 50, {"seeds": 6, "pool": 2}, seeds=SEEDS, pool=POOL):
        examples = fate.columns["examples"]
        assert len(set(examples)) == 8
        assert Counter(text.split()[0] for text in examples) == {"seed": 6, "pool": 2}


def test_where_a_pool_has_too_few_the_others_make_up_for_it(as_table, reader):
    for pool in ([], ["pool 0"]):
        for fate in drawn(as_table, reader, 20, {"seeds": 6, "pool": 2}, seeds=SEEDS, pool=pool):
            examples = fate.columns["examples"]
            assert len(set(examples)) == 8
            assert sum(text.startswith("pool") for text in examples) == len(pool)


def test_draws_are_uniform(as_table, reader):
    fates = drawn(as_table, reader, 4_000, {"seeds": 3}, seeds=SEEDS)
    counts = Counter(text for fate in fates for text in fate.columns["examples"])
    # 1,200 each, with a standard deviation of 29; so is every place in the list.
    assert all(abs(n - 1_200) < 4 * 29 for n in counts.values())
    firsts = Counter(fate.columns["examples"][0] for fate in fates)
    assert all(abs(n - 400) < 4 * 19 for n in firsts.values())


def test_the_seed_decides(as_table, reader):
    same = [drawn(as_table, reader, 5, {"seeds": 3}, seed=4, seeds=SEEDS) for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != drawn(as_table, reader, 5, {"seeds": 3}, seed=5, seeds=SEEDS)


def test_nothing_to_draw_from(as_table, reader):
    fates = drawn(as_table, reader, 2, {"seeds": 3}, seeds=[None])
    assert fates == [Dropped("draw.no_examples")] * 2
