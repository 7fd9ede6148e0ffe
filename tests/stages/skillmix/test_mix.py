from collections import Counter

from stages.base import Derived, Dropped
from stages.skillmix.mix import Mix


def run(as_table, reader, skills, **settings):
    table = as_table([{"skill": s, "topic": "t", "query_types": ["how", "why"]} for s in skills])
    return list(Mix(**settings).run(reader(table), seed=5))


def sets(fates):
    return [row for fate in fates if isinstance(fate, Derived) for row in fate.rows]


def test_k_distinct_skills_and_both_parents(as_table, reader):
    fates = run(as_table, reader, [f"s{i}" for i in range(10)], rows=8)
    mixed = sets(fates)
    assert len(mixed) == 8
    assert len({frozenset(m["skills"]) for m in mixed}) == 8
    for m in mixed:
        assert m["skills"] == [f"s{parent.removeprefix('row')}" for parent in m["parents"]]
        assert m["query_type"] in ("how", "why")


def test_every_skill_has_one_fate(as_table, reader):
    fates = run(as_table, reader, [f"s{i}" for i in range(10)], rows=2)
    used = {p for m in sets(fates) for p in m["parents"]}
    for i, fate in enumerate(fates):
        assert isinstance(fate, Derived if f"row{i}" in used else Dropped)


def test_a_small_pool_gives_fewer_sets(as_table, reader):
    assert len(sets(run(as_table, reader, ["a", "b", "c"], rows=20))) == 3
    assert sets(run(as_table, reader, ["a"], rows=20)) == []
    assert sets(run(as_table, reader, ["a", "A"], rows=20)) == []


def test_draws_are_uniform(as_table, reader):
    mixed = sets(run(as_table, reader, [f"s{i}" for i in range(40)], rows=400))
    drawn = Counter(skill for m in mixed for skill in m["skills"])
    # 800 draws over 40 skills: 20 each, standard deviation about 4.4.
    assert len(drawn) == 40
    assert max(drawn.values()) < 20 + 5 * 4.4
    assert min(drawn.values()) > 20 - 4.5 * 4.4
