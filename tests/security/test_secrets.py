"""A key is in no file that a run leaves, in no output, no process's arguments, in no form."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from pathlib import Path

import psutil
import pytest

from pipelines.recipe.parse import parse
from stages.engines.openai import Openai
from stages.errors import UserError
from tests.support.fault_server import stats, weather

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
KEY = 'sk-CANARY/7f3a+b"c=='


def forms(secret):
    """As it may stand in a file: plain, in a URL, in JSON, in base64 at each of three offsets."""
    found = {secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret)}
    found |= {urllib.parse.quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    for offset in range(3):
        whole = base64.b64encode(b"x" * offset + secret.encode()).decode()
        # The characters that no neighbour changes.
        found.add(whole[4 if offset else 0 : len(whole) - 4])
    return {form.encode() for form in found}


def test_the_scan_sees_each_form(tmp_path):
    for n, form in enumerate(sorted(forms(KEY))):
        (tmp_path / str(n)).write_bytes(b"abc" + form + b"def")
        assert hits(tmp_path) == [str(tmp_path / str(n))]
        (tmp_path / str(n)).unlink()
    (tmp_path / "x").write_bytes(base64.b64encode(f"Authorization: Bearer {KEY}\n".encode()))
    assert hits(tmp_path)


def hits(*roots):
    wanted = forms(KEY)
    found = []
    for root in roots:
        for path in Path(root).rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                if any(form in content for form in wanted):
                    found.append(str(path))
    return found


class Processes(threading.Thread):
    """Watches the arguments of a process and of all that it starts."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self._pid, self.seen, self.done = pid, set(), threading.Event()

    def run(self):
        while not self.done.wait(0.05):
            try:
                parent = psutil.Process(self._pid)
                for process in [parent, *parent.children(recursive=True)]:
                    self.seen.add(" ".join([process.name(), *process.cmdline()]))
            except psutil.Error:
                continue


def run(work, url, *extra, engine, **environment):
    """`bowerbird run` on a recipe whose engine asks `url`; (exit code, all that it printed)."""
    main = {"kind": "openai", "model": "m", "base_url": url, "max_retries": 2, "timeout_s": 2}
    stages = [
        {"use": "source.instructions", "path": str(work / "rows.jsonl")},
        {"use": "generate.respond"},
    ]
    recipe = {"name": "x", "engines": {"main": {**main, **engine}}, "stages": stages}
    (work / "recipe.json").write_text(json.dumps(recipe))
    (work / "rows.jsonl").write_text("".join(f'{{"instruction": "row {n}"}}\n' for n in range(40)))
    with subprocess.Popen(
        [str(BIN / "bowerbird"), "run", "recipe.json", *extra],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=work,
        env=os.environ | {"PREFECT_HOME": str(work / "prefect"), "PYTHONPATH": str(ROOT)}
        | environment,
    ) as process:  # fmt: skip
        watch = Processes(process.pid)
        watch.start()
        out = process.communicate(timeout=600)[0]
        watch.done.set()
    (work / "out").write_bytes(out)
    (work / "arguments").write_text("\n".join(watch.seen))
    assert watch.seen
    return process.returncode, out.decode()


@pytest.mark.parametrize("where", ["env", "file"])
@pytest.mark.parametrize(
    ("faults", "rate", "ends"),
    [([], 0.0, 0), (["http_500", "http_502_html", "truncated"], 0.3, 0), (["quotes_key"], 1.0, 1)],
    ids=["well", "retries", "breaks off"],
)
def test_no_canary_is_left(tmp_path, where, faults, rate, ends):
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "key").write_text(KEY + "\n")
    engine = {"api_key_env": "A_KEY"} if where == "env" else {"api_key_file": str(tmp_path / "key")}
    with weather(rate=rate, faults=faults, seed=1) as url:
        code, out = run(work, url, "--local", engine=engine, A_KEY=KEY)
        counted = stats(url)
    assert code == ends, out
    # Vacuity: the key was sent.
    assert counted["keys"] == [KEY]
    assert hits(work) == []
    assert ("***" in out) == (ends == 1)


def test_no_canary_is_left_by_prefect_and_ray(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    # A path that a socket's name still fits behind.
    temporary = tempfile.mkdtemp(dir="/tmp")
    # Every row is refused, with the key in the refusal: the run stops.
    with weather(rate=1.0, faults=["quotes_key_400"]) as url:
        code, out = run(work, url, engine={"api_key_env": "A_KEY"}, A_KEY=KEY, TMPDIR=temporary)
        assert stats(url)["keys"] == [KEY]
    assert code == 1, out
    assert "rows failed" in out
    assert "engine.refused" in out
    assert "Traceback" not in out
    assert list(Path(temporary).rglob("raylet.out"))
    assert (work / "prefect").is_dir()
    assert hits(work, temporary) == []
    shutil.rmtree(temporary)


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": KEY},
        {"api_key_env": KEY},
        {"base_url": f"https://user:{urllib.parse.quote(KEY, safe='')}@host/v1"},
        {"base_url": f"https://host/v1?key={urllib.parse.quote(KEY, safe='')}"},
        {"api_key_env": "A", "api_key_file": KEY},
    ],
    ids=["a setting", "for its name", "in the address", "in the query", "both"],
)
def test_a_key_in_a_recipe_is_refused_and_not_quoted(wrong, small_recipe, root):
    engine = {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1", **wrong}
    with pytest.raises(UserError) as caught:
        parse(small_recipe(engines={"main": engine}), root)
    said = f"{caught.value.cause} {caught.value.remedy}"
    assert not [form for form in forms(KEY) if form.decode() in said]


def test_a_spec_does_not_know_its_key(monkeypatch):
    monkeypatch.setenv("A_KEY", KEY)
    spec = Openai(model="m", base_url="http://127.0.0.1:9/v1", api_key_env="A_KEY")
    assert spec.api_key() == KEY
    assert KEY not in f"{spec!r} {spec} {spec.model_dump_json()} {spec.identity()}"
