"""The whole chain on the real packaged models: what a person gets from the demo, in small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.recipe.parse import load
from stages.engines.model import models
from stages.shared.texts.flaws import echoes_template

pytestmark = pytest.mark.slow
BOWERBIRD = Path(sys.executable).parent / "bowerbird"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The demo's recipe with few rows and short answers, as it is run, over Prefect and Ray."""
    for name in models.PACKAGED:
        assert (models.packaged_folder(name) / "config.json").is_file(), "run `make models`"
    folder = tmp_path_factory.mktemp("demo")
    recipe = Path(__file__).parents[2] / "configs" / "demo.yaml"
    done = subprocess.run(
        [
            *(str(BOWERBIRD), "run", str(recipe), "--store", str(folder / "store")),
            *("--set", "stages.magpie.rows=8", "--set", "stages.respond.max_tokens=64"),
            *("--set", "stages.respond.system=Answer in one short sentence."),
            *("--set", "placement.shard_rows=8", "--set", "stages.quality_diversity.rows=6"),
        ],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "store"


def sql(store, query):
    done = subprocess.run(
        [str(BOWERBIRD), "sql", query, "--store", str(store), "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_rows_went_through_the_chain(run):
    steps = {row["stage"]: row for row in sql(run, "SELECT * FROM stages")}
    assert steps["generate_magpie"]["rows_in"] == 8
    assert steps["judge_quality"]["rows_out"] >= 4
    assert sum(step["failed"] for step in steps.values()) == 0


def test_the_dataset_is_clean(run):
    rows = sql(run, "SELECT * FROM dataset")
    assert len(rows) >= 3
    for row in rows:
        assert row["instruction"].strip()
        assert row["response"].strip()
        assert not echoes_template(row["instruction"] + row["response"])
        assert row["score_model"] == "packaged/qwen2.5-coder-1.5b-instruct"


def test_the_judges_scores_vary_and_are_sure(run):
    rows = sql(run, "SELECT score, score_mass FROM judge_quality")
    scores = [row["score"] for row in rows]
    assert max(scores) - min(scores) > 0.1
    assert all(1 <= score <= 5 for score in scores)
    assert min(row["score_mass"] for row in rows) > 0.5


def test_tags_are_of_their_scales(run):
    from stages.annotate.tags import CATEGORIES, DIFFICULTIES, QUALITIES

    for row in sql(run, "SELECT task_category, difficulty, input_quality FROM annotate_tags"):
        assert row["task_category"] in CATEGORIES
        assert row["difficulty"] in DIFFICULTIES
        assert row["input_quality"] in QUALITIES


def test_embeddings_are_unit_vectors(run):
    rows = sql(run, "SELECT embedding FROM annotate_embedding LIMIT 3")
    for row in rows:
        assert len(row["embedding"]) == 384
        assert sum(x * x for x in row["embedding"]) == pytest.approx(1, abs=1e-4)


def test_the_recipe_is_the_demos(run):
    recipe = load(Path(__file__).parents[2] / "configs" / "demo.yaml")
    assert [row["use"] for row in sql(run, "SELECT use FROM stages ORDER BY position")] == [
        entry["use"] for entry in recipe.source["stages"]
    ]
