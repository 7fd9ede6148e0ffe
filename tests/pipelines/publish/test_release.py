"""The release folder and its card: what they hold, and what they never hold."""

import hashlib
import importlib
import json
import re
from dataclasses import replace

import datasets
import pytest
import yaml
from huggingface_hub import DatasetCard
from msgspec import structs

from pipelines.cli.publishing import Wanted, make
from pipelines.publish import card, release
from pipelines.publish.licenses import IDENTIFIERS, licensed
from pipelines.publish.numbers import read_numbers
from pipelines.recipe.bibliography import bibliography
from pipelines.recipe.lookup import class_in, known_stages
from pipelines.recipe.parse import parse
from pipelines.store.query import catalog
from stages.base import Stage
from stages.errors import UserError
from tests.conftest import ROOT

MINE = {"dataset": "cc-by-4.0"}


@pytest.fixture
def made(small_recipe, run_recipe, tmp_path):
    """Make a release of a scripted run: `folder, run, store = made(formats)`."""

    def make(formats=("trl-sft", "rows"), given=MINE, waived=(), **changes):
        run, store = run_recipe(small_recipe(**changes))
        known = licensed(run, given, waived)
        folder = release.make(store, run, formats, known, "org/small", tmp_path / "release")
        return folder, run, store

    return make


def test_the_folder_loads_as_it_is(made):
    folder, _, _ = made()
    loaded = datasets.load_dataset(str(folder))["train"]
    rows = datasets.load_dataset(str(folder), "rows")["train"]
    assert loaded.num_rows == rows.num_rows == 6
    assert loaded.column_names == ["id", "messages"]
    assert loaded["id"] == rows["id"]
    assert "score" in rows.column_names
    assert "embedding" not in rows.column_names
    assert (folder / "data/train-00000-of-00001.parquet").is_file()
    assert (folder / "rows/train-00000-of-00001.parquet").is_file()


def test_harmful_rows_are_marked_and_published_only_when_asked(made, tmp_path):
    folder, run, store = made(harmful=True)
    page = DatasetCard.load(folder / "README.md")
    assert "not-for-all-audiences" in page.data.tags
    assert "Content warning" in page.text
    wanted = Wanted("org/small", ("rows",), ("dataset=cc-by-4.0",), (), False, tmp_path / "again")
    with pytest.raises(UserError, match="meant to be harmful") as error:
        make(store, run, wanted)
    assert "--harmful" in error.value.remedy
    assert make(store, run, replace(wanted, harmful=True)).is_dir()
    plain = DatasetCard.load(made(name="plain")[0] / "README.md")
    assert "not-for-all-audiences" not in plain.data.tags
    assert "Content warning" not in plain.text


def test_front_matter_is_what_the_hub_reads(made):
    folder, _, _ = made()
    data = DatasetCard.load(folder / "README.md").data
    assert data.license == "cc-by-4.0"
    assert data.language == ["en"]
    assert data.size_categories == ["n<1K"]
    assert {"synthetic", "bowerbird", "sft"} <= set(data.tags)
    assert [(c["config_name"], c.get("default", False)) for c in data.configs] == [
        ("trl-sft", True),
        ("rows", False),
    ]
    info = {one["config_name"]: one for one in data.dataset_info}
    assert info["trl-sft"]["splits"][0]["num_examples"] == 6
    size = (folder / "data/train-00000-of-00001.parquet").stat().st_size
    assert info["trl-sft"]["download_size"] == size
    features = datasets.Features._from_yaml_list(info["rows"]["features"])
    assert features == datasets.load_dataset(str(folder), "rows")["train"].features


def test_the_card_says_what_the_store_counted(made):
    folder, run, store = made()
    text = (folder / "README.md").read_text()
    numbers = read_numbers(store, run)
    for stage in numbers.stages:
        line = next(row for row in text.splitlines() if row.startswith(f"| {stage['stage']} | "))
        assert line.endswith(f"| {stage['rows_in']} | {stage['rows_out']} |")
    for line in numbers.reasons:
        assert f"| {line['stage']} | {line['fate']} | {line['reason']} | {line['rows']} |" in text
    for name, template in run.prompts.items():
        digest = hashlib.sha256(template.encode()).hexdigest()
        assert f"| [{name}](bowerbird/prompts/{name}.md.j2) | `{digest}` |" in text
        assert digest in json.dumps([step.facts for step in run.steps])
        assert (folder / f"bowerbird/prompts/{name}.md.j2").read_text() == template
    (score,) = [s for s in numbers.spreads if s["name"] == "score"]
    assert f"| score | 6 | {score['min']:.3g} |" in text
    assert 'load_dataset("org/small", "rows", split="train")' in text
    assert "@misc{magpie," in text
    assert "@misc{deita," in text
    assert "wizardlm" not in text


def test_pictures_and_links_are_there(made):
    folder, _, _ = made()
    text = (folder / "README.md").read_text()
    for name in ("funnel", "scores", "lengths"):
        content = (folder / f"pictures/{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG")
        assert f"](pictures/{name}.png)" in text
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (folder / target).is_file(), target


def test_the_same_run_gives_the_same_bytes(made, tmp_path):
    folder, run, store = made()
    first = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    known = licensed(run, MINE, ())
    again = release.make(store, run, ("trl-sft", "rows"), known, "org/small", tmp_path / "two")
    assert first == {p.relative_to(again): p.read_bytes() for p in again.rglob("*") if p.is_file()}


def test_a_large_dataset_is_cut_into_files(made, monkeypatch):
    monkeypatch.setattr(release, "_SHARD_BYTES", 800)
    monkeypatch.setattr(catalog, "_BATCH_ROWS", 1)
    folder, _, _ = made(("trl-sft",))
    names = sorted(path.name for path in (folder / "data").iterdir())
    assert len(names) > 1
    assert names[0] == f"train-00000-of-{len(names):05}.parquet"
    assert datasets.load_dataset(str(folder))["train"].num_rows == 6


def test_the_recipe_is_published_without_this_machine(made, tmp_path):
    rows = tmp_path / "secret folder" / "seeds.jsonl"
    rows.parent.mkdir()
    rows.write_text('{"instruction": "Name three rivers."}\n' * 3)
    folder, run, _ = made(
        ("rows",),
        given={**MINE, "seeds.jsonl": "mit"},
        engines={
            "main": {"kind": "scripted", "model": "/home/someone/models/big"},
            "other": {
                "kind": "openai",
                "model": "m",
                "base_url": "http://gpu-17.intern:{port}/v1",
                "command": ["/opt/someone/serve", "--port", "{port}"],
                "api_key_file": "/home/someone/.key",
                "answers_as": "/home/someone/models/m",
            },
        },
        stages=[
            {"repeat": 1, "stages": [{"use": "source.instructions", "path": str(rows)}]},
            {"use": "generate.respond"},
        ],
    )
    everything = b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    for private in (b"secret folder", b"/home/someone", b"gpu-17", b"/opt/someone", b".key"):
        assert private not in everything
    recipe = yaml.safe_load((folder / "bowerbird/recipe.yaml").read_text())
    assert recipe["seed"] == run.seed
    assert recipe["stages"][0]["stages"][0]["path"] == "seeds.jsonl"
    assert recipe["engines"]["main"]["model"] == "big"
    # It loads: nothing that was left out is missed.
    loaded = parse(recipe, folder)
    assert set(loaded.engines) == {"main", "other"}
    assert "| seeds.jsonl | rows it began with | mit |" in (folder / "README.md").read_text()


def test_row_text_cannot_break_the_card():
    assert card._markdown("a | b\n<script>") == "a \\| b &lt;script>"


def test_preference_pairs(made, small_recipe):
    stages = [
        *small_recipe()["stages"][:2],
        {"use": "generate.respond", "samples": 3},
        {"use": "judge.quality"},
        {"use": "pair.best_worst"},
    ]
    folder, run, _ = made(("trl-dpo", "rows"), stages=stages)
    assert release.default_formats(run) == ("trl-dpo", "rows")
    pairs = datasets.load_dataset(str(folder))["train"]
    assert pairs[0]["chosen"][0]["role"] == "assistant"
    assert "chosen_score" in (folder / "README.md").read_text()


def test_what_cannot_be_released_is_said(made, small_recipe, run_recipe, tmp_path):
    folder, run, store = made()
    known = licensed(run, MINE, ())

    def make(formats=("rows",), out=tmp_path / "other", which=run):
        release.make(store, which, formats, known, "org/small", out)

    with pytest.raises(UserError, match="no column 'chosen'"):
        make(("trl-dpo",))
    with pytest.raises(UserError, match="Did you mean 'trl-sft'"):
        make(("trl-stf",))
    with pytest.raises(UserError, match="is interrupted"):
        make(which=structs.replace(run, status="interrupted"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds other files"):
        make(out=tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    old = structs.replace(run, steps=tuple(structs.replace(s, facts={}) for s in run.steps))
    with pytest.raises(UserError, match="was recorded without"):
        make(which=old)
    make(out=folder)  # an earlier release gives way


def test_parts_are_not_put_into_one_split(made):
    stages = [
        {"use": "generate.magpie", "rows": 30},
        {"use": "generate.respond"},
        {"use": "annotate.part", "parts": {"train": 0.5, "test": 0.5}},
    ]
    with pytest.raises(UserError, match="divided into test, train, and a release has one split"):
        made(stages=stages)
    folder, _, _ = made(formats=("rows",), stages=stages)
    assert set(datasets.load_dataset(str(folder))["train"]["part"]) == {"train", "test"}


def test_licenses_of_models(small_recipe, run_recipe, tmp_path):
    run, _ = run_recipe(small_recipe())
    model = tmp_path / "mine"
    model.mkdir()

    def asked(name):
        step = run.steps[0]
        engine = {"kind": "vllm", "model": name, "revision": "abc"}
        changed = structs.replace(step, facts=step.facts | {"engine": engine})
        return structs.replace(run, steps=(changed,))

    (_, packaged) = licensed(asked("packaged/all-minilm-l6-v2"), MINE, ())
    assert packaged.license == "apache-2.0"
    with pytest.raises(UserError, match=r"license of 'mine' .* is not known") as error:
        licensed(asked(str(model)), MINE, ())
    assert "--license mine=ID, or --waive mine" in error.value.remedy
    (_, waived) = licensed(asked(str(model)), MINE, ("mine",))
    assert waived.waived and not waived.license
    (model / "README.md").write_text("---\nlicense: mit\n---\n")
    (_, local) = licensed(asked(str(model)), MINE, ())
    assert (local.name, local.license, local.revision) == ("mine", "mit", "abc")
    (_, given) = licensed(asked(str(model)), {**MINE, "mine": "proprietary"}, ())
    assert given.license == "proprietary"


def test_the_datasets_own_license(small_recipe, run_recipe):
    run, _ = run_recipe(small_recipe())
    with pytest.raises(UserError, match="license of the dataset is not known"):
        licensed(run, {}, ())
    with pytest.raises(UserError, match="knows no license 'apache2'"):
        licensed(run, {"dataset": "apache2"}, ())
    with pytest.raises(UserError, match="nothing of the name 'datset'"):
        licensed(run, MINE, ("datset",))
    assert {"apache-2.0", "mit", "cc-by-4.0", "other"} <= IDENTIFIERS


def test_a_waiver_stands_on_the_card(made):
    folder, _, _ = made(given={}, waived=("dataset",))
    text = (folder / "README.md").read_text()
    assert "**License waiver.** The license of this dataset is not known." in text
    assert DatasetCard.load(folder / "README.md").data.license == "unknown"


def test_every_method_that_is_followed_is_cited():
    cited = set()
    for path in known_stages():
        module = importlib.import_module(f"stages.{path}")
        kind = class_in(f"stages.{path}", Stage)
        entries = [bibliography()[key] for key in kind.cites]
        cited |= set(kind.cites)
        for number in re.findall(r"arXiv:(\d{4}\.\d{5})", module.__doc__):
            assert any(number in entry for entry in entries), f"{path} follows {number}"
    for path in (ROOT / "configs").rglob("*.yaml"):
        recipe = yaml.safe_load(path.read_text())
        cited |= set(recipe.get("cites", ()))
    assert cited == set(bibliography())


def test_sizes():
    assert [card._size(n) for n in (0, 999, 1000, 10**7, 10**9)] == [
        "n<1K", "n<1K", "1K<n<10K", "10M<n<100M", "n>100M"
    ]  # fmt: skip
