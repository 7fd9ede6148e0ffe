"""Every command in the documents is run; every link leads somewhere; every example works."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks/README.md"]
SCRIPTED = ["--set", "engines.main.kind=scripted", "--set", "engines.embedder.kind=scripted"]


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def commands(page):
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [line.removeprefix(".venv/bin/") for line in lines if line.strip()]


def run(arguments, cwd):
    return subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=200,
        check=False,
    )


@pytest.mark.slow
def test_the_readmes_commands_in_their_order(tmp_path):
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (recipe,) = blocks(ROOT / "README.md", "yaml")
    (tmp_path / "my.yaml").write_text(recipe)
    demo = run(["bowerbird", "run", "configs/demo.yaml", "--local", *SCRIPTED], tmp_path)
    assert demo.returncode == 0, demo.stderr
    seen = 0
    for line in commands(ROOT / "README.md"):
        arguments = shlex.split(line, comments=True)
        if arguments[0] == "make":
            continue
        if "ROW_ID" in arguments:
            query = ["bowerbird", "sql", "SELECT id FROM dataset LIMIT 1", "--format", "csv"]
            row_id = run(query, tmp_path).stdout.split()[1]
            arguments[arguments.index("ROW_ID")] = row_id
        if arguments[1] in ("run", "preview", "plan"):
            # The commands as they stand, on an engine that needs no model.
            local = ["--local"] if arguments[1] == "run" and "--local" not in arguments else []
            extra = SCRIPTED if "configs/demo.yaml" in arguments else SCRIPTED[:2]
            arguments += [*local, *extra]
        done = run(arguments, tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        seen += 1
    assert seen >= 9
    assert (tmp_path / "my-dataset" / "data").is_dir()


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pattern = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
    named = {name for page in PAGES for name in pattern.findall(page.read_text())}
    assert {"demo", "test", "check"} <= named
    assert named <= targets


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


def test_the_example_stage_of_the_manual():
    page = ROOT / "docs/stages.md"
    (code,) = blocks(page, "python")
    module: dict = {"__name__": "example"}
    exec(code, module)
    stage = module["Language"]()
    (line,) = blocks(page, "json")
    case = json.loads(line)
    from stages.ask import Reply, Sample
    from stages.errors import ReplyError

    row = {"id": "row0", "parents": [], **case["row"]}
    assert set(stage.needs) <= set(row)
    fate = stage.read(row, Reply(samples=(Sample(case["reply"]["text"]),)))
    assert fate.columns == case["fate"]["annotated"]
    assert set(fate.columns) == set(stage.adds)
    with pytest.raises(ReplyError):
        stage.read(row, Reply(samples=(Sample("It is German."),)))


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
