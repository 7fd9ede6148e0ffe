"""The command line in this process."""

import sys

import pytest
import yaml

from pipelines.cli import main


@pytest.fixture
def bowerbird(monkeypatch, capsys, tmp_path):
    """Run a command line in `tmp_path`; (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bowerbird", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def recipe(tmp_path, small_recipe):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small_recipe()))
    return str(path)


@pytest.fixture
def done(bowerbird, recipe):
    code, out, _ = bowerbird("run", recipe, "--local")
    assert code == 0
    return out.strip()
