"""Every setting of every stage decides the fingerprint, and nothing else of a recipe does.

The cases are made from the classes themselves, so a field that is added is tested.
"""

import dataclasses
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.plan.plan import plan as make_plan
from pipelines.plan.steps import explain, fingerprint
from pipelines.recipe.lookup import class_in, known_engines, known_stages
from pipelines.recipe.parse import parse
from pipelines.recipe.renaming import Renaming
from pipelines.store.log.journal import key
from stages.ask import Ask, Chat, Message, Passage, Raw, Request, Sampling, UserTurn
from stages.base import Stage
from stages.engines.base import EngineSpec

STAGES = {use: class_in(f"stages.{use}", Stage) for use in known_stages()}
NEEDED = {
    "rows": 5, "path": "configs/seeds/self_instruct_seed_tasks.jsonl", "column": "text",
    "instruction": "instruction", "response": "response", "models": 1, "rubric": "Is it true?",
    "take": {"q": "text"}, "against": ["pool"], "of": ["first"], "quotas": {"first": 2},
    "gives": {"a": "text"}, "values": {"a": ["x"]}, "pattern": "(?P<a>x)",
}  # fmt: skip
ONE_OF = {
    "generate.structured": {"json_schema": {"type": "object"}},
    "generate.from_prompt": {"template": "{{ a }}"},
    "filter.where": {"at_least": 1},
    "annotate.whether": {"at_least": 1},
    "draw.examples": {"of": {"first": 2}},
    "annotate.template": {"template": "{{ a }}"},
    "annotate.lookup": {"texts": {"a": {"b": "c"}}},
    "judge.criteria": {"criteria": {"a": "Is it true?"}},
    "score.crowd": {"sizes": {"a": (1, 2)}},
    "mix.scatter": {"texts": {"a": "b"}},
    "draw.bandit": {"arms": ["a", "b"]},
    "draw.nearest": {"of": "first"},
    "draw.parent": {"value": "score"},
    "draw.rows": {"of": "first"},
    "draw.shared": {"of": "first"},
    "mix.unpivot": {"of": ("first", "second")},
    "annotate.part": {"parts": {"a": 0.5, "b": 0.5}},
    "filter.magpie_preset": {"preset": "air"},
    "mix.without": {"names": ["a"]},
    "score.weighted": {"weights": {"a": 2}},
    "source.procedural": {"tasks": {"chain_sum": 2}},
    "verify.form": {"json_schema": {"type": "object"}},
}
"""Settings of which one is needed, and what a name of `NEEDED` means to one stage alone."""
ALTERNATIVES = {"pattern", "prompt"}
"""Settings that take the place of those."""
COSMETIC = {"engine"}
"""What a recipe calls its engine; the engine's identity stands beside the settings."""
CANDIDATES: list[Any] = [
    0, 1, 2, 3, 7, 0.25, 0.5, 0.75, 1.5, True, False, None, "other", "response", "instruction",
    ["fr"], ("fr",), ["other"], "drop", "null", "retry", "fail", "qwen-2.5", "llama-3",
    ["deepen"], {"a": 1}, {"q": "number"}, {"b": "text"}, {"b": ["x"]}, {"b": 1}, "{{ b }}",
    {"a": 0.4, "b": 0.6},
    "skillmix/topics", "last", "keep", "first", "flipped", "quality", ["number"], "(?P<b>y)",
    "tests/data/none.jsonl", 12, 99, 640, ["a", "c"], "pro", {"chain_sum": 3},
    "token", "most", "five", "worst", (0, 4), {1: "a", 2: "b"}, "Reach {goal}.", {"w": {"b": 2.0}},
    {"v": {"b": "d"}}, {"b": (3, 4)}, "highest", "lowest", "request", "prefer",
]  # fmt: skip
COMPANIONS = [
    {}, {"temperature": 0.5}, {"samples": 2}, {"engine": ("a", "b", "c")}, {"user": "flipped"},
]  # fmt: skip


def build(model, **values):
    """An instance with the smallest settings that are valid."""
    one = ONE_OF.get(model.__module__.removeprefix("stages."), {})
    if not any(name in values for name in ALTERNATIVES):
        values = {**one, **values}
    required = {n: NEEDED.get(n, 3) for n, f in model.model_fields.items() if f.is_required()}
    return model.model_validate({**required, **values}, context={})


def print_of(stage):
    return fingerprint(explain(Renaming(stage, {}), [], 1, "before"))


def cases():
    for use, model in STAGES.items():
        for name, field in model.model_fields.items():
            if not field.exclude:
                yield pytest.param(model, name, id=f"{use}-{name}")


def others(model, name):
    """Valid instances in which only this field is another one."""
    first = build(model)
    for value in CANDIDATES:
        for companion in COMPANIONS:
            extra = {k: v for k, v in companion.items() if k in model.model_fields and k != name}
            try:
                base, changed = build(model, **extra), build(model, **extra, **{name: value})
            except (ValidationError, TypeError, ValueError):
                continue
            if getattr(changed, name) != getattr(first, name):
                yield base, changed


@pytest.mark.parametrize(("model", "name"), list(cases()))
def test_a_setting_decides(model, name):
    found = list(others(model, name))
    assert found, f"no other value of {name} is known to this test: add one to CANDIDATES"
    for base, changed in found:
        same = print_of(base) == print_of(changed)
        assert same == (name in COSMETIC), (base, changed)


def test_every_stage_is_covered():
    assert len(STAGES) >= 20
    assert None not in STAGES.values()


@pytest.mark.parametrize("kind", known_engines())
def test_of_an_engine_only_its_identity_decides(kind):
    model = class_in(f"stages.engines.{kind}", EngineSpec)
    base = {"kind": kind, "model": "m", "base_url": "http://127.0.0.1:1/v1"}
    base = {k: v for k, v in base.items() if k in model.model_fields}
    stage = build(STAGES["generate.respond"])
    first = fingerprint(explain(Renaming(stage, {}), [model.model_validate(base)], 1, ""))
    for name in model.model_fields:
        changed = 0
        for value in [
            "other",
            "bfloat16",
            3,
            0.5,
            "http://127.0.0.1:2/v1",
            "a" * 40,
            ["x"],
            4,
            True,
            {"x": 1},
        ]:
            try:
                spec = model.model_validate({**base, name: value})
            except ValidationError:
                continue
            changed += spec != model.model_validate(base)
            same = fingerprint(explain(Renaming(stage, {}), [spec], 1, "")) == first
            if spec != model.model_validate(base):
                assert same == (name not in (*model.identity_fields, *model.later_fields)), name
        assert changed or name == "kind", f"no other value of {name} is known to this test"


def test_names_limits_and_placement_decide_nothing(small_recipe, root):
    first = [s.fingerprint for s in make_plan(parse(small_recipe(), root))]
    for cosmetic in (
        {"name": "other"}, {"description": "x"}, {"limits": {"failed": 0.1}},
        {"placement": {"shard_rows": 9}},
        {"placement": {"engines": {"main": {"replicas": 3, "gpus": 0.5}}}},
    ):  # fmt: skip
        assert [s.fingerprint for s in make_plan(parse(small_recipe(**cosmetic), root))] == first


ASKS = st.builds(
    Ask,
    st.one_of(
        st.builds(Chat, st.tuples(st.builds(Message, st.sampled_from(["user"]), st.text()))),
        st.builds(Raw, st.text()), st.builds(UserTurn, st.none() | st.text()),
        st.builds(Passage, st.text()),
    ),
    st.builds(Sampling, st.sampled_from([0.0, 1.0]), max_tokens=st.integers(1, 3)),
    st.none() | st.just({"type": "object"}),
    st.integers(0, 2),
)  # fmt: skip


@given(ASKS, ASKS, st.integers(0, 2), st.integers(0, 2), st.sampled_from(["m", "n"]))
@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
def test_two_requests_have_one_key_if_they_are_the_same(one, other, seed, another, model):
    first = key({"kind": "vllm", "model": "m"}, Request(0, one, seed))
    second = key({"kind": "vllm", "model": model}, Request(9, other, another))
    same = (one, seed, "m") == (other, another, model)
    assert (first == second) == same


def test_every_field_of_a_request_is_in_its_key():
    """A field that is added to what a stage may ask changes keys without a word here."""
    base = Ask(Raw("x"))
    for owner, put in ((Ask, lambda f: f), (Sampling, lambda f: {"sampling": Sampling(**f)})):
        for field in dataclasses.fields(owner):
            if field.name in ("prompt", "sampling"):
                continue
            other = {"stop": ("x",), "schema": {"a": 1}}.get(field.name, 0.5 if "p" in field.name
                     or field.name == "temperature" else 3)  # fmt: skip
            changed = dataclasses.replace(base, **put({field.name: other}))
            # What a recipe calls an engine decides nothing: who it is stands beside the ask.
            same = key({}, Request(0, base, 1)) == key({}, Request(0, changed, 1))
            assert same == (field.name == "engine"), field.name
