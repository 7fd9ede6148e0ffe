"""Several inputs: chains that are joined, and chains that are read beside a stage's own rows."""

import json
from collections import Counter
from types import SimpleNamespace

import pytest

from pipelines.plan.estimate import estimate
from pipelines.plan.explain import explain
from pipelines.plan.plan import plan
from pipelines.publish.licenses import source_files
from pipelines.publish.release import portable
from pipelines.recipe.parse import parse
from pipelines.run.pilot import pilot
from pipelines.run.preview import preview
from pipelines.store.query.lineage import history
from pipelines.store.store import Store
from stages.errors import UserError
from tests.conftest import ROOT
from tests.support.rows import rows

MAGPIE = {"use": "generate.magpie", "rows": 10}
HOT = {"use": "generate.magpie", "rows": 5, "temperature": 1.3}
ANSWER = {"use": "generate.respond"}


@pytest.fixture
def answered(tmp_path):
    """A file of rows that have answers, as a stage."""
    path = tmp_path / "answered.jsonl"
    rows = [{"instruction": f"Name {n} rivers.", "response": f"I know {n}."} for n in range(6)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    take = {"instruction": "text", "response": "text"}
    return {"use": "source.rows", "path": str(path), "take": take}


@pytest.fixture
def mixed(small_recipe, answered):
    def make(*more, of=("plain", "hot", "written"), **changes):
        chains = {"plain": [MAGPIE, ANSWER], "hot": [HOT, ANSWER], "written": [answered]}
        stages = [{"use": "mix.concat", "of": list(of)}, *more]
        return small_recipe(chains=chains, stages=stages, **changes)

    return make


def test_rows_of_all_chains_come_in_and_say_where_they_are_from(run_recipe, mixed):
    run, store = run_recipe(mixed())
    found = rows(run, store)
    assert Counter(row["chain"] for row in found) == {"plain": 10, "hot": 5, "written": 6}
    assert len({row["id"] for row in found}) == 21
    written = [row for row in found if row["chain"] == "written"]
    assert {row["response_finish_reason"] for row in written} == {None}
    assert {row["response"] for row in written} == {f"I know {n}." for n in range(6)}
    assert all(row["response_finish_reason"] for row in found if row["chain"] != "written")


def test_neither_shards_nor_arrival_decide_the_rows(run_recipe, mixed, tmp_path):
    found = set()
    for size in (1, 3, 100):
        source = mixed({"use": "dedup.exact"}, placement={"shard_rows": size})
        run, _ = run_recipe(source, Store.at(tmp_path / f"store{size}"))
        found.add(run.content)
    assert len(found) == 1


def test_a_chain_is_what_it_would_be_alone(run_recipe, mixed, small_recipe):
    alone, store = run_recipe(small_recipe(stages=[MAGPIE, ANSWER]))
    run, _ = run_recipe(mixed(), store)
    reused = {step.folder for step in run.steps if step.reused}
    assert reused == {step.folder for step in alone.steps}


def test_another_setting_in_one_chain_leaves_the_others(run_recipe, mixed):
    run, store = run_recipe(mixed())
    source = mixed()
    source["chains"]["hot"][0] = HOT | {"temperature": 1.4}
    again, _ = run_recipe(source, store)
    fresh = {step.name for step in again.steps if not step.reused}
    assert fresh == {"hot_generate_magpie", "hot_generate_respond", "mix_concat"}
    kept = "SELECT id FROM dataset WHERE chain <> 'hot' ORDER BY id"
    assert rows(again, store, kept) == rows(run, store, kept)


def test_quotas(run_recipe, mixed):
    quota = {"use": "select.quota", "quotas": {"plain": 4, "hot": 9}}
    run, store = run_recipe(mixed(quota))
    assert Counter(row["chain"] for row in rows(run, store)) == {"plain": 4, "hot": 5}
    why = Counter(row["reason"] for row in rows(run, store, "SELECT reason FROM rejected"))
    assert why == {"select.over_quota": 6, "select.no_quota": 6}


def test_a_mixture_of_mixtures(run_recipe, mixed, answered):
    source = mixed(of=("both", "written"))
    both = {"use": "mix.concat", "of": ["plain", "hot"], "columns": {"chain": "inner"}}
    source["chains"]["both"] = [both]
    run, store = run_recipe(source)
    found = Counter((row["chain"], row["inner"]) for row in rows(run, store))
    assert found == {("both", "plain"): 10, ("both", "hot"): 5, ("written", None): 6}


def test_the_history_of_a_row_is_that_of_its_chain(run_recipe, mixed):
    run, store = run_recipe(mixed({"use": "dedup.exact"}))
    for chain, stages in {
        "hot": ["hot_generate_magpie", "hot_generate_respond", "mix_concat", "dedup_exact"],
        "written": ["written_source_rows", "mix_concat", "dedup_exact"],
    }.items():
        (first, *_) = rows(run, store, f"SELECT id FROM mix_concat WHERE chain = '{chain}'")
        assert [event.stage for event in history(store, run, first["id"])] == stages


def test_a_plan_estimates_pilots_and_previews_chains(mixed, tmp_path):
    recipe = parse(mixed({"use": "dedup.exact"}), ROOT)
    steps = plan(recipe)
    found = {e.step.name: e.rows for e in estimate(steps, Store.at(tmp_path / "none"))}
    assert found["mix_concat"] == 21
    expected = {e.name: e.rows for e in pilot(recipe, ROOT / "test.yaml", 2)}
    assert expected["mix_concat"] == 21
    shown = preview(recipe, ROOT / "test.yaml", 2)
    assert (len(shown.rows), shown.became) == (2, 6)


@pytest.mark.parametrize(
    ("chains", "stages", "cause", "remedy"),
    [
        ({"a": [MAGPIE]}, [MAGPIE], "the chain 'a' is read by no stage", "`of` or `against`"),
        ({"a": [MAGPIE]}, [{"use": "mix.concat", "of": ["b"]}], "no chain 'b'", "There are: a"),
        (
            {"a": [{"use": "mix.concat", "of": ["b"]}], "b": [{"use": "mix.concat", "of": ["a"]}]},
            [{"use": "mix.concat", "of": ["a"]}],
            "the chain 'a' reads itself",
            "b_mix_concat",
        ),
        (
            {"a": [MAGPIE]},
            [MAGPIE, {"use": "mix.concat", "of": ["a"]}],
            "starts a dataset but comes after",
            "chain of its own",
        ),
        (
            {"a": [MAGPIE, ANSWER], "b": [MAGPIE]},
            [{"use": "mix.concat", "of": ["a", "b"]}],
            "both begin with a_generate_magpie: their rows would be the same",
            "generate.candidates",
        ),
        (
            {"a": [MAGPIE], "b": [HOT | {"columns": {"instruction": "chain"}}]},
            [{"use": "mix.concat", "of": ["a", "b"]}],
            "chains that have a column 'chain'",
            "another name",
        ),
        (
            {"a": [MAGPIE]},
            [MAGPIE, {"use": "annotate.embedding"}, {"use": "decontaminate.neighbours",
             "against": ["a"]}],
            "needs a column 'embedding', which the chain 'a' has not",
            "",
        ),
        (
            {},
            [MAGPIE, {"use": "annotate.embedding"}, {"use": "decontaminate.neighbours",
             "against": ["pool"]}],
            "there is a pool in `rounds:` only",
            "Name a chain",
        ),
        (
            {"a": [MAGPIE | {"columns": {"instruction": "Q"}}],
             "b": [HOT | {"columns": {"instruction": "q"}}]},
            [{"use": "mix.concat", "of": ["a", "b"]}],
            "columns 'Q' and 'q', which are one in SQL",
            "Rename",
        ),
        ({"a": [MAGPIE]}, [{"use": "mix.concat", "of": [""]}], "no chain ''", "There are: a"),
        (
            {"c0": [MAGPIE], **{f"c{n + 1}": [{"use": "mix.concat", "of": [f"c{n}"]}]
                                for n in range(60)}},
            [{"use": "mix.concat", "of": ["c60"]}],
            "more than 50 chains read each other in a row",
            "",
        ),
        ({"pool": [MAGPIE]}, [MAGPIE], "no chain can be called 'pool'", "another name"),
        ({"a b": [MAGPIE]}, [MAGPIE], "no chain can be called 'a b'", "letters"),
        ({"a": []}, [MAGPIE], "chains.a is no list of stages", "use: family.stage"),
        ({"a": [{"use": "generate.magpi"}]}, [MAGPIE], "chains.a[0]: there is no stage", "magpie"),
    ],
)  # fmt: skip
def test_chains_that_cannot_be(small_recipe, chains, stages, cause, remedy):
    with pytest.raises(UserError) as error:
        plan(parse(small_recipe(chains=chains, stages=stages), ROOT))
    assert cause in error.value.cause
    assert remedy in error.value.remedy


def test_columns_of_one_name_and_two_types(small_recipe, answered):
    take = {"instruction": "text", "response": "text", "response_finish_reason": "number"}
    chains = {"a": [MAGPIE, ANSWER], "b": [answered | {"take": take}]}
    source = small_recipe(chains=chains, stages=[{"use": "mix.concat", "of": ["a", "b"]}])
    with pytest.raises(UserError, match="whose columns 'response_finish_reason' differ"):
        plan(parse(source, ROOT))


@pytest.fixture
def held_out(tmp_path, small_recipe):
    path = tmp_path / "held_out.jsonl"

    def make(*questions, threshold=0.99):
        path.write_text("".join(json.dumps({"question": text}) + "\n" for text in questions))
        source = {"use": "source.rows", "path": str(path), "take": {"question": "text"}}
        embed = {"use": "annotate.embedding", "columns": {"instruction": "question"}}
        drop = {"use": "decontaminate.neighbours", "against": ["held"], "threshold": threshold}
        stages = [MAGPIE, {"use": "annotate.embedding"}, drop, ANSWER]
        return small_recipe(chains={"held": [source, embed]}, stages=stages)

    return make


def test_neighbours_of_a_reference_set_are_dropped(run_recipe, held_out):
    run, store = run_recipe(held_out("Nothing like it."))
    assert len(rows(run, store)) == 10
    first = rows(run, store)[0]
    again, _ = run_recipe(held_out("Nothing like it.", first["instruction"]), store)
    (gone,) = rows(again, store, "SELECT id, reason, detail FROM rejected")
    assert gone["id"] == first["id"]
    assert gone["reason"] == "decontaminate.neighbours"
    assert "cosine 1.00 with" in gone["detail"]
    assert "of held" in gone["detail"]
    # The instructions are the same, and were not made again.
    assert {s.name for s in again.steps if s.reused} == {"generate_magpie", "annotate_embedding"}


def test_quotas_are_the_same_in_any_order(run_recipe, mixed, tmp_path):
    made = [
        run_recipe(mixed({"use": "select.quota", "quotas": quotas}), Store.at(tmp_path / name))[0]
        for name, quotas in (("one", {"plain": 4, "hot": 3}), ("two", {"hot": 3, "plain": 4}))
    ]
    assert made[0].content == made[1].content


def test_what_changed_in_a_chain_is_named(run_recipe, held_out, mixed):
    _, store = run_recipe(held_out("One."))
    steps = plan(parse(held_out("Another."), ROOT))
    why = dict(zip((s.name for s in steps), explain("small", steps, store), strict=True))
    assert why["decontaminate_neighbours"] == "computed: held_source_rows before it changed"
    _, store = run_recipe(mixed())
    source = mixed()
    source["chains"]["plain"][0] = MAGPIE | {"temperature": 0.1}
    source["chains"]["hot"][0] = HOT | {"temperature": 1.4}
    steps = plan(parse(source, ROOT))
    why = dict(zip((s.name for s in steps), explain("small", steps, store), strict=True))
    assert why["hot_generate_respond"] == "computed: hot_generate_magpie before it changed"


def tokens(run, store):
    sql = "SELECT sum(prompt_tokens + completion_tokens)::BIGINT AS n FROM ledger"
    return rows(run, store, f"{sql} WHERE engine = 'main'")[0]["n"]


FIVE = {name: [MAGPIE | {"rows": 20, "temperature": 0.5 + i / 10}, ANSWER]
        for i, name in enumerate("abcde")}  # fmt: skip


@pytest.mark.parametrize(
    ("stages", "chains"),
    [
        ([{"use": "mix.concat", "of": list("abcde")}], FIVE),
        ([{"use": "mix.concat", "of": list("abcde")}, {"use": "judge.quality"}], FIVE),
        ([{"rounds": 5, "stages": [MAGPIE | {"rows": 20}, ANSWER]}], {}),
        (
            [{"rounds": 5, "until": {"accepted": 90}, "stages": [MAGPIE | {"rows": 20}, ANSWER]}],
            {},
        ),
    ],
    ids=["chains", "chains before a judge", "rounds", "rounds until"],
)
def test_a_budget_is_used_and_kept(run_recipe, small_recipe, stages, chains):
    source = small_recipe(stages=stages, chains=chains, budget={"tokens": 4500})
    run, store = run_recipe(source)
    assert run.status == "capped"
    # Over it by a shard or two, which have 300 tokens each here.
    assert 0.9 * 4500 <= tokens(run, store) <= 4500 + 700
    assert rows(run, store)
    again, _ = run_recipe(source, store)
    assert tokens(again, store) == tokens(run, store)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 1.2])
def test_rows_pass_a_reference_set_that_is_whole_and_no_part_of_it(
    run_recipe, held_out, tmp_path, share
):
    filler = [f"A filler about the number {n}, which is long enough to cost." for n in range(30)]
    prices = {"prices": {"embedder": {"prompt": 1.0}, "main": {"prompt": 1.0}}}
    free, store = run_recipe(held_out(*filler) | prices)
    wanted = [row["instruction"] for row in rows(free, store)][:5]
    source = held_out(*filler, *wanted) | prices
    whole, store = run_recipe(source, Store.at(tmp_path / "whole"))
    (cost,) = rows(whole, store, "SELECT sum(usd) AS usd FROM ledger")
    budget = {"budget": {"usd": share * cost["usd"]}}
    run, store = run_recipe(source | budget, Store.at(tmp_path / "capped"))
    assert not set(wanted) & {row["instruction"] for row in rows(run, store)}
    assert run.status == ("done" if share > 1 else "capped")


def test_a_release_names_no_folder_of_a_chain(mixed, answered):
    source = mixed()
    source["stages"].append({"rounds": 2, "stages": [answered | {"path": "/of/mine/other.jsonl"}]})
    published = json.dumps(portable(source))
    assert "answered.jsonl" in published
    assert "/of/mine" not in published
    assert answered["path"] not in published
    run = SimpleNamespace(source=source)
    assert source_files(run) == ["other.jsonl", "answered.jsonl"]
