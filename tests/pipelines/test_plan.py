"""The plan is checked before the first call; fingerprints follow what decides the output."""

import pytest

import prompts
from pipelines.plan.plan import plan
from pipelines.recipe.lookup import class_in, known_engines, known_stages
from pipelines.recipe.parse import load, parse
from stages.base import Stage
from stages.engines.base import EngineSpec
from stages.errors import UserError


def steps(source, root):
    return plan(parse(source, root))


def prints(source, root):
    return [step.fingerprint for step in steps(source, root)]


@pytest.mark.parametrize("name", ["demo", "skillmix", "evol", "preference"])
def test_the_shipped_recipes_have_a_plan(root, name):
    planned = plan(load(root / f"configs/{name}.yaml"))
    assert len({step.name for step in planned}) == len(planned)
    assert {"instruction", "response"} <= set(planned[-1].columns)


@pytest.mark.parametrize(
    ("stages", "cause", "remedy"),
    [
        ([{"use": "filter.instruction"}], "comes first but needs rows", "generate.magpie"),
        (
            [{"use": "generate.magpie", "rows": 1}, {"use": "judge.quality"}],
            "needs a column 'response' that no earlier stage adds",
            "instruction",
        ),
        (
            [
                {"use": "source.blank", "rows": 1},
                {"use": "generate.from_prompt", "template": "x", "gives": {"instruction": "text"}},
                {"use": "filter.instruction"},
            ],
            "needs a column 'finish_reason' that no earlier stage adds",
            "`gives: {…, finish_reason: finish_reason}`",
        ),
        (
            [
                {"use": "generate.magpie", "rows": 1},
                {"use": "generate.respond", "columns": {"response": "instruction"}},
            ],
            "would overwrite the column 'instruction'",
            "columns: {response: …}",
        ),
        (
            [
                {"use": "generate.magpie", "rows": 1},
                {"use": "generate.respond"},
                {"use": "generate.respond"},
            ],
            "would overwrite the column 'response'",
            "columns: {response: …}",
        ),
        (
            [{"use": "generate.magpie", "rows": 1}, {"use": "generate.respond", "engine": "mian"}],
            "no engine 'mian'",
            "Did you mean 'main'?",
        ),
        (
            [{"use": "generate.magpie", "rows": 1}, {"use": "generate.magpie", "rows": 1}],
            "starts a dataset but comes after",
            "first stage",
        ),
        (
            [
                {"use": "generate.magpie", "rows": 1},
                {
                    "use": "select.top",
                    "columns": {"value": "instruction"},
                    "rows": 1,
                    "per": ["seed"],
                },
            ],
            "needs a column 'seed', which is no column",
            "another",
        ),
        (
            [
                {"use": "generate.magpie", "rows": 1},
                {"use": "draw.values", "values": {"messages": ["a"]}},
            ],
            "no column of its kind can be called 'messages'",
            "another name",
        ),
        (
            [
                {"use": "generate.magpie", "rows": 1},
                {"use": "generate.respond"},
                {"use": "judge.quality"},
                {"use": "select.best"},
            ],
            "select_best decides rows of one parent together, and no stage before makes several",
            "mix.scatter",
        ),
        (
            [{"use": "generate.magpie", "rows": 1}, {"use": "draw.values", "values": {"": ["a"]}}],
            "no column of its kind can be called ''",
            "another name",
        ),
    ],
)
def test_stages_that_do_not_fit(small_recipe, root, stages, cause, remedy):
    if cause is None:  # a stage that needs a column may rewrite it
        assert steps(small_recipe(stages=stages), root)
        return
    with pytest.raises(UserError) as caught:
        steps(small_recipe(stages=stages), root)
    assert cause in caught.value.cause
    assert remedy in caught.value.remedy


def test_a_chat_server_cannot_leave_a_user_turn_open(small_recipe, root):
    engine = {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}
    stages = [{"use": "generate.magpie", "rows": 1}]
    with pytest.raises(UserError, match="pre_query"):
        steps(small_recipe(engines={"main": engine}, stages=stages), root)
    stages[0]["pre_query"] = "<user>"
    assert steps(small_recipe(engines={"main": engine}, stages=stages), root)


def test_a_changed_setting_changes_its_stage_and_what_follows(small_recipe, root):
    source = small_recipe()
    before = prints(source, root)
    source["stages"][4] = {"use": "judge.quality", "min_mass": 0.3}
    after = prints(source, root)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True] * 4 + [False] * 4


def test_the_seed_and_the_model_change_everything_placement_nothing(small_recipe, root):
    before = prints(small_recipe(), root)
    assert prints(small_recipe(seed=4), root)[0] != before[0]
    other = {"main": {"kind": "scripted", "model": "x"}, "embedder": {"kind": "scripted"}}
    assert prints(small_recipe(engines=other), root)[0] != before[0]
    assert prints(small_recipe(placement={"shard_rows": 5}), root) == before


def test_placement_of_an_engine_does_not_enter(small_recipe, root):
    def with_engine(**more):
        engine = {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1", **more}
        stages = [{"use": "generate.magpie", "rows": 1, "pre_query": "x"}]
        return prints(small_recipe(engines={"main": engine}, stages=stages), root)

    plain = with_engine()
    assert with_engine(max_concurrency=3, timeout_s=1, max_retries=0) == plain
    assert with_engine(base_url="http://127.0.0.1:2/v1") == plain
    assert with_engine(model="n") != plain


def test_another_seed_computes_again_only_from_the_first_draw_on(small_recipe, root, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"instruction": "Name three rivers."}\n')
    stages = [
        {"use": "source.instructions", "path": str(rows)},
        {"use": "filter.instruction"},
        {"use": "annotate.tags"},
        {"use": "generate.respond"},
        {"use": "judge.quality"},
    ]
    one, two = (prints(small_recipe(stages=stages, seed=seed), root) for seed in (1, 2))
    assert [a == b for a, b in zip(one, two, strict=True)] == [True, True, True, False, False]
    stages[3]["temperature"] = 0
    one, two = (prints(small_recipe(stages=stages, seed=seed), root) for seed in (1, 2))
    assert one == two


def test_an_edited_prompt_changes_the_fingerprint(small_recipe, root, monkeypatch):
    before = prints(small_recipe(), root)
    digest = prompts.digest
    edited = lambda name: "edited" if name == "judge/quality" else digest(name)  # noqa: E731
    monkeypatch.setattr(prompts, "digest", edited)
    after = prints(small_recipe(), root)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True] * 4 + [False] * 4


def test_a_seed_file_counts_by_content_not_by_path(small_recipe, root, tmp_path):
    def first(path):
        stages = [{"use": "source.instructions", "path": str(path)}]
        return prints(small_recipe(stages=stages), root)

    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text('{"instruction": "Name three rivers."}\n')
    two.write_text(one.read_text())
    assert first(one) == first(two)
    two.write_text('{"instruction": "Name three lakes."}\n')
    assert first(one) != first(two)


def test_repeated_stages_have_names_of_their_own(root):
    names = [step.name for step in plan(load(root / "configs/evol.yaml"))]
    assert {"evolve_rewrite_1", "evolve_rewrite_2"} <= set(names)


def test_every_stage_says_in_its_docstring_what_goes_in_and_out():
    import importlib

    for path in known_stages():
        module = importlib.import_module(f"stages.{path}")
        assert "In:" in module.__doc__, path
        assert "Out:" in module.__doc__, path
        assert class_in(f"stages.{path}", Stage).__doc__, path


def test_every_engine_says_what_it_can_do():
    assert {"openai", "scripted", "sentence_transformers", "vllm"} <= set(known_engines())
    for kind in known_engines():
        assert class_in(f"stages.engines.{kind}", EngineSpec).provides


@pytest.mark.parametrize(
    "stage",
    [
        {"use": "generate.respond", "samples": 2},
        {"use": "generate.from_prompt", "template": "x", "gives": {"t": "text"}, "each": 2},
    ],
)
def test_a_stage_that_makes_rows_has_no_null_for_a_reply(small_recipe, root, stage):
    stages = [{"use": "generate.magpie", "rows": 4}, {**stage, "on_parse_error": "null"}]
    with pytest.raises(UserError, match="a null is none"):
        plan(parse(small_recipe(stages=stages), root))
