"""Every notebook is executed on a store of two scripted runs, and committed without output."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BOWERBIRD = Path(sys.executable).parent / "bowerbird"
SCRIPTED = ["--set", "engines.main.kind=scripted", "--set", "engines.embedder.kind=scripted"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with the demo's recipe run at two temperatures."""
    folder = tmp_path_factory.mktemp("notebooks") / "store"
    for temperature in ("0.8", "1.1"):
        changed = ["--set", f"stages.magpie.temperature={temperature}"]
        command = [BOWERBIRD, "run", "configs/demo.yaml", "--local", "--store", folder]
        subprocess.run(
            [*map(str, command), *SCRIPTED, *changed], cwd=ROOT, check=True, capture_output=True
        )
    return folder


def execute(path, store, monkeypatch):
    monkeypatch.setenv("BOWERBIRD_STORE", str(store))
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, kernel_name="python3")
    client.execute(cwd=str(path.parent))
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


def texts(outputs):
    return "\n".join(
        str(text)
        for output in outputs
        for text in (*output.get("data", {}).values(), output.get("text", ""))
    )


def plots(outputs):
    key = "application/vnd.plotly.v1+json"
    return [output["data"][key] for output in outputs if key in output.get("data", {})]


@pytest.mark.slow
def test_first_look(store, monkeypatch):
    outputs = execute(ROOT / "notebooks/01_first_look.ipynb", store, monkeypatch)
    said = texts(outputs)
    funnel, scores, mapped = plots(outputs)
    assert sum(trace["name"] == "go on" for trace in funnel["data"]) == 1
    assert funnel["data"][0]["x"][0] == 64 or 64 in funnel["data"][0]["x"]
    assert scores["layout"]["title"]["text"].startswith("Scores")
    assert "in the dataset (24)" in {trace["name"] for trace in mapped["data"]}
    assert "select.not_chosen" in said
    assert "num_rows: 24" in said
    assert "quality_explanation" in said


@pytest.mark.slow
def test_compare_two_runs(store, monkeypatch):
    outputs = execute(ROOT / "notebooks/02_compare_two_runs.ipynb", store, monkeypatch)
    assert "{'stages.generate.magpie.temperature': (0.8, 1.1)}" in texts(outputs)
    assert len(plots(outputs)) == 3
    assert "distinct-2" in texts(outputs)


@pytest.mark.slow
def test_write_your_own_stage(store, monkeypatch):
    said = texts(execute(ROOT / "notebooks/03_write_your_own_stage.ipynb", store, monkeypatch))
    assert "new_words" in said
    assert "reply.unreadable" in said
    assert "one or two words were asked for" in said


@pytest.mark.slow
def test_judging_the_judge(store, monkeypatch):
    outputs = execute(ROOT / "notebooks/04_judging_the_judge.ipynb", store, monkeypatch)
    assert "most frequent grade" in texts(outputs)
    assert "score_mass" in texts(outputs)
    assert len(plots(outputs)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_without_a_store_one_cause_and_one_remedy(path, tmp_path, monkeypatch):
    monkeypatch.setenv("BOWERBIRD_STORE", str(tmp_path / "nothing"))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, allow_errors=True).execute()
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    (error,) = [o for o in first.outputs if o.output_type == "error"]
    assert error["traceback"][0].startswith("error  there are no runs in")
    assert error["traceback"][1].startswith("remedy Run a recipe first")
    assert len(error["traceback"]) == 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_output(path):
    for cell in json.loads(path.read_text())["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_four_are_there():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_first_look",
        "02_compare_two_runs",
        "03_write_your_own_stage",
        "04_judging_the_judge",
    ]
    assert "BOWERBIRD_STORE" not in os.environ
