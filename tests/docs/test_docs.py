"""Every command in the documents is run; every link leads somewhere; every example works."""

import json
import os
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks/README.md"]
SCRIPTED = ["--set", "engines.main.kind=scripted", "--set", "engines.embedder.kind=scripted"]


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def commands(page):
    joined = [block.replace("\\\n", " ") for block in blocks(page, "sh")]
    lines = [line for block in joined for line in block.splitlines()]
    return [line.removeprefix(".venv/bin/") for line in lines if line.strip()]


def run(arguments, cwd):
    return subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The store of a scripted run of the demo."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "configs").symlink_to(ROOT / "configs")
    done = run(["bowerbird", "run", "configs/demo.yaml", "--local", *SCRIPTED], folder)
    assert done.returncode == 0, done.stderr
    return folder / "store"


@pytest.fixture
def place(demo, tmp_path, monkeypatch):
    """An empty folder with the recipes beside it and a run of the demo in its store."""
    for name in ("configs", "notebooks", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(demo, tmp_path / "store")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    return tmp_path


@contextmanager
def started(arguments, cwd, sign, **environment):
    """A command that goes on until it is told to end, from when its output has `sign`."""
    log = cwd / "started.log"
    with (
        log.open("w") as out,
        subprocess.Popen(
            [str(BIN / arguments[0]), *arguments[1:]],
            cwd=cwd, stdout=out, stderr=subprocess.STDOUT, env=os.environ | environment,
        ) as process,
    ):  # fmt: skip
        try:
            for _ in range(600):
                if sign in log.read_text() or process.poll() is not None:
                    break
                time.sleep(0.2)
            assert process.poll() is None, log.read_text()
            assert sign in log.read_text()
            yield log
        finally:
            process.terminate()
            process.wait(timeout=240)


def lab(arguments, cwd):
    """JupyterLab serves the notebook."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=t"]
    with started([*arguments, *more], cwd, f"127.0.0.1:{port}/lab"):
        name = Path(arguments[-1]).name
        address = f"http://127.0.0.1:{port}/api/contents/{name}"
        found = httpx.get(address, params={"token": "t"}, timeout=30)
        assert found.json()["type"] == "notebook", found.text


@pytest.mark.slow
def test_the_readmes_commands_in_their_order(place):
    (recipe,) = blocks(ROOT / "README.md", "yaml")
    (place / "my.yaml").write_text(recipe)
    seen = set()
    for line in commands(ROOT / "README.md"):
        arguments = shlex.split(line, comments=True)
        seen.add(" ".join(arguments[:2]))
        if arguments[0] == "make":
            continue
        if arguments[0] == "jupyter":
            lab(arguments, place)
            continue
        if arguments[1] == "serve":
            with started([*arguments, *SCRIPTED], place, "Ctrl-C ends it"):
                pass
            continue
        if "ROW_ID" in arguments:
            query = ["bowerbird", "sql", "SELECT id FROM dataset LIMIT 1", "--format", "csv"]
            row_id = run(query, place).stdout.split()[1]
            arguments[arguments.index("ROW_ID")] = row_id
        if arguments[1] in ("run", "preview", "plan"):
            # The commands as they stand, on an engine that needs no model.
            local = ["--local"] if arguments[1] == "run" and "--local" not in arguments else []
            extra = SCRIPTED if "configs/demo.yaml" in arguments else SCRIPTED[:2]
            arguments += [*local, *extra]
        done = run(arguments, place)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert {"bowerbird serve", "bowerbird publish", "jupyter lab", "bowerbird why"} <= seen
    assert len(seen) >= 9
    assert (place / "my-dataset" / "data").is_dir()


@pytest.mark.slow
def test_the_page_on_publishing_in_its_order(place, monkeypatch):
    """Published to the hub on loopback by the page alone; the dry run before it needs no hub."""
    first, second, hub, elsewhere = (
        [shlex.split(line, comments=True) for line in block.splitlines()]
        for block in blocks(ROOT / "docs/publish.md", "sh")
    )
    assert "--dry-run" in first[0]
    monkeypatch.setenv("HF_HOME", str(place / "home"))
    for name, _, value in (word.partition("=") for word in elsewhere[0][1:]):
        monkeypatch.setenv(name, value)
    with started(hub[0], place, "tokens hf_writer"):
        for arguments in (*first, *second, *elsewhere[1:]):
            done = run(arguments, place)
            assert done.returncode == 0, f"{arguments}\n{done.stderr}"
        assert "num_rows: 24" in done.stdout
    (release,) = place.glob("store/runs/*/release")
    (tree,) = re.findall(r"```\n(README.*?)```", (ROOT / "docs/publish.md").read_text(), re.DOTALL)
    listed = re.findall(r"^(\S+?)/? {2,}", tree, re.MULTILINE)
    assert len(listed) == 4
    assert all((release / name).exists() for name in listed)


@pytest.mark.parametrize(
    "module",
    re.findall(r"`python -m (benchmarks\.[\w.]+)", (ROOT / "benchmarks/README.md").read_text()),
)
def test_the_benchmarks_are_there(module, monkeypatch, capsys):
    """They take minutes: asked for their help, they import all that they need."""
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    assert f"python -m {module}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_the_page_on_notebooks(place, monkeypatch):
    (command,) = commands(ROOT / "docs/notebooks.md")
    assert command in commands(ROOT / "README.md")  # whose test runs it
    (code,) = blocks(ROOT / "docs/notebooks.md", "python")
    monkeypatch.chdir(place)
    exec(code, {"__name__": "example"})


def in_order(page, place):
    """Run a page's commands, on an engine that needs no model; the last one's result."""
    for line in commands(ROOT / page):
        arguments = shlex.split(line, comments=True)
        extra = ["--local"] if arguments[1] == "run" else []
        extra += SCRIPTED if "configs/demo.yaml" in arguments else []
        done = run([*arguments, *extra], place)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    return done


@pytest.mark.slow
def test_the_page_on_judges(place):
    """Its commands in their order, the judge scripted; its table names figures that there are."""
    page = ROOT / "docs/judges.md"
    first, *rest = [shlex.split(line) for line in commands(page)]
    done = run([*first, "--set", "engines.main.kind=scripted"], place)
    assert done.returncode == 0, done.stderr
    for arguments in rest:
        done = run(arguments, place)
        # What a judge without a mind is fooled by is out of bounds.
        assert done.returncode == ("--require" in arguments), f"{arguments}\n{done.stderr}"
    (kept,) = place.glob("store/runs/packaged-judge-*/audit.json")
    found = {figure["name"] for figure in json.loads(kept.read_text())}
    section = page.read_text().partition("## Is it to be believed?")[2].partition("\n## ")[0]
    named = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+)", section, re.MULTILINE)
    figures = {name for cell in named for name in re.findall(r"`([a-z][^`….:]*)`", cell)}
    # Of grades, of rows that name models, and of runs with few labels.
    said = {"score with length", "most frequent grade", "self-preference"}
    said |= {"gold win rate, prediction-powered"}
    assert figures - said <= found
    assert any(name.startswith("fooled by: ") for name in found)


@pytest.mark.slow
def test_the_page_on_the_store(place):
    in_order("docs/store.md", place)
    contents = run(["bowerbird", "sql", "SELECT content FROM runs", "--format", "csv"], place)
    again = ["bowerbird", "sql", "SELECT content FROM runs", "--format", "csv"]
    assert run([*again, "--store", "elsewhere"], place).stdout in contents.stdout


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pattern = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
    named = {name for page in PAGES for name in pattern.findall(page.read_text())}
    assert {"demo", "test", "check"} <= named
    assert named <= targets


def test_the_engines_of_the_manual():
    """Each block is a recipe's, with what every recipe has besides."""
    from pipelines.recipe.parse import parse

    stages = [{"use": "generate.magpie", "rows": 4, "family": "qwen-2.5"}]
    found = [yaml.safe_load(block) for block in blocks(ROOT / "docs/engines.md", "yaml")]
    prices = found.pop()
    kinds = [parse({"name": "x", "stages": stages, **each}, ROOT).engines["main"] for each in found]
    assert [engine.kind for engine in kinds] == ["openai", "anthropic", "openai", "openai_batch"]
    assert kinds[2].command[-1] == "{port}"
    assert parse({"name": "x", "stages": stages, **found[0], **prices}, ROOT).prices["main"].cached


def test_what_the_manual_says_engines_can_do():
    from pipelines.recipe.lookup import class_in, known_engines
    from stages.engines.base import EngineSpec

    page = (ROOT / "docs/engines.md").read_text()
    table = page[page.index("| | `vllm`") :].partition("\n\n")[0]
    head, _, *lines = table.splitlines()
    kinds = re.findall(r"`(\w+)`", head)
    assert sorted(kinds) == known_engines()
    said = {kind: set() for kind in kinds}
    for line in lines:
        able, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        for kind, cell in zip(kinds, cells, strict=True):
            said[kind] |= {able.split("`")[1]} if cell == "yes" else set()
    can = {kind: class_in(f"stages.engines.{kind}", EngineSpec).provides for kind in kinds}
    assert said == can


@pytest.mark.slow
def test_the_page_on_engines(place):
    assert "rows_per_usd" in in_order("docs/engines.md", place).stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_benchmarks_that_are_named_exist():
    for name in re.findall(
        r"python (benchmarks/\w+\.py)", (ROOT / "benchmarks/README.md").read_text()
    ):
        assert (ROOT / name).is_file()


def test_every_command_is_in_the_readme():
    from pipelines.cli.app import app

    text = (ROOT / "README.md").read_text() + (ROOT / "docs/commands.md").read_text()
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"bowerbird {name}" in text, name


def test_the_example_stages_of_the_manual(tmp_path):
    """The manual's two stages in their places: its commands are run on them."""
    page = ROOT / "docs/stages.md"
    for name in ("prompts", "stages", "pipelines", "tests", "docs", "configs", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (template,), (prompted, recipe, _) = blocks(page, "jinja"), blocks(page, "yaml")
    (tmp_path / "questions.yaml").write_text(prompted)
    (tmp_path / "prompts/annotate/audience.md.j2").write_text(template)
    (tmp_path / "my.yaml").write_text(recipe)
    for family, code, gold in zip(
        ("annotate", "filter"), blocks(page, "python"), blocks(page, "json"), strict=True
    ):
        (tmp_path / f"stages/{family}/audience.py").write_text(code)
        (tmp_path / f"tests/stages/{family}/audience.gold.jsonl").write_text(gold)
    own = {**os.environ, "PYTHONPATH": str(tmp_path), "PATH": f"{BIN}:{os.environ['PATH']}"}
    said = {}
    for line in ["bowerbird preview questions.yaml -n 3", *commands(page)]:
        command = line.partition("#")[0].strip()
        if command == "make check":  # of which ruff sees what is new
            command = "ruff check stages"
        done = subprocess.run(
            shlex.split(command), cwd=tmp_path, env=own, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said[command] = done.stdout + done.stderr
    assert "difficulty" in said["bowerbird preview questions.yaml -n 3"]
    assert "filter_audience dropped" in said["bowerbird preview my.yaml -n 6"]
    assert "`use: filter.audience`" in (tmp_path / "docs/recipe.md").read_text()


def test_the_project_speaks_of_itself_alone():
    """No machine paths and no index hosts in what is published."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for name in listed:
        if name.startswith("tests/docs") or Path(name).suffix not in (".py", ".md", ".yaml", ".j2"):
            continue
        text = (ROOT / name).read_text()
        for word in ("/work/", "/root/", "files.pythonhosted", "pypi.org"):
            assert word not in text, f"{name}: {word}"
