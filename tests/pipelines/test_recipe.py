"""Every mistake in a recipe is one cause and one remedy."""

import pytest
import yaml

from pipelines.recipe import recipe_source
from pipelines.recipe.lookup import stage_path
from pipelines.recipe.parse import load, parse
from stages.errors import UserError

GOOD = """
name: good
engines: {main: {kind: scripted}}
stages:
  - {use: generate.magpie, rows: 4}
  - {use: filter.instruction}
"""


@pytest.fixture
def write(tmp_path):
    def make(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return make


def test_a_good_recipe(write):
    loaded = load(write(GOOD))
    assert loaded.name == "good"
    assert [stage_path(entry.stage) for entry in loaded.stages] == [
        "generate.magpie",
        "filter.instruction",
    ]


@pytest.mark.parametrize(
    ("old", "new", "cause", "remedy"),
    [
        ("rows: 4", "row: 4", "'row' is no setting", "Did you mean 'rows'?"),
        ("rows: 4", "rows: none", "'rows': Input should be a valid integer", "It was 'none'."),
        ("rows: 4", "rows: 0", "greater than 0", "It was 0."),
        (", rows: 4", "", "'rows' is missing", "Add it"),
        ("generate.magpie", "generate.magpy", "no stage 'generate.magpy'", "'generate.magpie'?"),
        ("generate.magpie", "magpie", "no stage 'magpie'", "'generate.magpie'?"),
        ("generate.magpie", "engines.vllm", "no stage 'engines.vllm'", ""),
        ("kind: scripted", "kind: script", "no engine kind 'script'", "'scripted'?"),
        ("kind: scripted", "model: x", "engines.main has no `kind`", "scripted"),
        ("{kind: scripted}", "{kind: scripted, modl: x}", "'modl' is no setting", "'model'?"),
        ("name: good", "nme: good", "no usable 'name'", "Is 'nme' meant to be 'name'?"),
        ("name: good", "name: ../up", "'name'", "It was '../up'."),
        ("stages:", "stage:", "no usable 'stages'", "Is 'stage' meant to be 'stages'?"),
        ("name: good", "name: good\nsede: 1", "'sede' is no setting", "'seed'?"),
        ("{use: filter.instruction}", "filter.instruction", "stages[1] is no stage", "{use:"),
        ("instruction}", "instruction, languages: en}", "'languages': a list", "Write [en]."),
        ("{use: filter.instruction}", "{repeat: 2}", "no repeat block", "repeat: 2, stages"),
        (
            "{use: filter.instruction}",
            "{repeat: 0, stages: [{use: filter.instruction}]}",
            "`repeat` is 0",
            "from 1 to 100",
        ),
        ("name: good", "name: [", "is not YAML", "Fix the file"),
        ("name: good", "name: good\ndescription: 2024-02-31", "is not YAML", "Fix the file"),
        ("rows: 4", "rows: 4, family: x", "unknown family 'x'", ""),
        ("rows: 4", "rows: 4, family: gemma-2, system: x", "no system message", ""),
        ("filter.instruction}", "filter.instruction, languages: [EN]}", "languages", "It was 'EN'"),
        ("instruction}", "instruction, languages: [no]}", "'languages.0': a text", "in quotes"),
    ],
)
def test_mistakes(write, old, new, cause, remedy):
    assert old in GOOD
    with pytest.raises(UserError) as caught:
        load(write(GOOD.replace(old, new)))
    assert cause in caught.value.cause
    assert remedy in caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_nearest(root, monkeypatch, tmp_path):
    monkeypatch.chdir(root)
    with pytest.raises(UserError, match=r"Did you mean configs/demo.yaml\?"):
        load(root.joinpath("configs/demmo.yaml").relative_to(root))


@pytest.mark.parametrize("text", ["", "- a", "just text", "name: x"])
def test_what_is_no_recipe(write, text):
    with pytest.raises(UserError):
        load(write(text))


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("seed=9", ("seed",)),
        ("stages.0.rows=9", ("stages", 0, "rows")),
        ("stages.magpie.rows=9", ("stages", 0, "rows")),
        ("engines.main.model=9", ("engines", "main", "model")),
        ("limits.failed=9", ("limits", "failed")),
    ],
)
def test_set(write, override, key):
    source = recipe_source.read(write(GOOD), [override])
    for part in key:
        source = source[part]
    assert source == 9


@pytest.mark.parametrize(
    "override",
    ["seed", "=1", "engine.main.kind=x", "stages.7.rows=1", "stages.respond.rows=1", "name.x.y=1"],
)
def test_set_that_fits_nowhere(write, override):
    with pytest.raises(UserError, match="--set"):
        load(write(GOOD), [override])


def test_repeat_writes_the_block_out(small_recipe, root):
    block = {"repeat": 2, "stages": [{"use": "dedup.exact"}, {"use": "filter.instruction"}]}
    source = small_recipe(stages=[{"use": "generate.magpie", "rows": 1}, block])
    assert len(parse(source, root).stages) == 5


@pytest.mark.parametrize(
    ("content", "cause", "remedy"),
    [
        ("x = 3", "has no stage in it", "Define a class"),
        ("import nowhere_to_be_found", "cannot be imported: ModuleNotFoundError", "shows where"),
        ("def", "cannot be imported: SyntaxError", "shows where"),
    ],
)
def test_a_file_that_is_no_stage(small_recipe, root, monkeypatch, tmp_path, content, cause, remedy):
    import stages
    import stages.annotate

    family = tmp_path / "annotate"
    family.mkdir()
    name = f"made_{len(content)}"  # what is imported stays imported
    (family / f"{name}.py").write_text(content)
    monkeypatch.setattr(stages, "__path__", [str(tmp_path), *stages.__path__])
    monkeypatch.setattr(stages.annotate, "__path__", [str(family), *stages.annotate.__path__])
    source = small_recipe(stages=[{"use": f"annotate.{name}"}])
    with pytest.raises(UserError) as error:
        parse(source, root)
    assert cause in error.value.cause
    assert remedy in error.value.remedy


def test_who_changes_yaml_for_all_changes_no_recipe(write, monkeypatch):
    """As lm-format-enforcer does, which vLLM imports."""
    as_text = yaml.constructor.SafeConstructor.construct_yaml_str
    changed = yaml.SafeLoader.yaml_constructors | {"tag:yaml.org,2002:timestamp": as_text}
    monkeypatch.setattr(yaml.SafeLoader, "yaml_constructors", changed)
    assert yaml.safe_load("2024-02-31") == "2024-02-31"
    with pytest.raises(UserError, match="is not YAML"):
        load(write(GOOD.replace("name: good", "name: good\ndescription: 2024-02-31")))
