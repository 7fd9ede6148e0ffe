"""The full form: a Prefect flow over a real Ray cluster on this machine, as a user starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import yaml

from pipelines.store.files.folder import LocalFolder
from pipelines.store.log import log

pytestmark = pytest.mark.slow
BOWERBIRD = Path(sys.executable).parent / "bowerbird"


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    return tmp_path


def write(work, source):
    (work / "small.yaml").write_text(yaml.safe_dump(source))


def bowerbird(*arguments, timeout=600):
    return subprocess.run(
        [str(BOWERBIRD), *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


def sql(query, *arguments):
    done = bowerbird("sql", query, "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_same_rows_as_in_one_process(work, small_recipe, monkeypatch):
    """Of chains and rounds too, and though a first attempt is terminated in the middle."""
    magpie, answer = {"use": "generate.magpie", "rows": 6}, {"use": "generate.respond"}
    hot = magpie | {"temperature": 1.2}
    embed = {"use": "annotate.embedding"}
    slow = {"kind": "scripted", "script": "tests.data.slow_script:slow"}
    source = small_recipe(
        engines={"main": slow, "embedder": {"kind": "scripted"}},
        chains={
            "plain": [hot, answer],
            "grown": [{"rounds": 5, "until": {"accepted": 10}, "stages": [magpie, answer]}],
            "held": [hot | {"temperature": 0.3, "rows": 3}, embed],
        },
        stages=[
            {"use": "mix.concat", "of": ["grown", "plain"]},
            embed,
            {"use": "decontaminate.neighbours", "against": ["held"], "threshold": 0.8},
            {"use": "select.quota", "quotas": {"grown": 6, "plain": 4}},
        ],
        placement={"shard_rows": 2},
    )
    write(work, source)
    monkeypatch.setenv("BOWERBIRD_TEST_WELL", str(work / "well"))
    committed = terminated(work)
    (work / "well").touch()
    with Listeners() as listeners:
        full = bowerbird("run", "small.yaml")
    assert full.returncode == 0, full.stderr
    # Vacuity: Ray and Prefect do listen; to this machine alone.
    assert len(listeners.seen) >= 5
    assert {address for address, _ in listeners.seen} <= {
        "127.0.0.1", "::1", "::ffff:127.0.0.1",
    }  # fmt: skip
    assert full.stdout.startswith("small-")
    assert "Traceback" not in full.stderr
    assert "nanobind" not in full.stderr
    assert sql("SELECT status FROM runs") == [{"status": "interrupted"}, {"status": "done"}]
    assert committed >= 1
    local = bowerbird("run", "small.yaml", "--store", "local", "--local")
    assert local.returncode == 0, local.stderr
    for query in ("SELECT * FROM dataset", "SELECT content FROM runs WHERE status = 'done'"):
        assert sql(query) == sql(query, "--store", "local")
    query = "SELECT stage, rows_in, rows_out FROM stages ORDER BY position"
    steps = sql(query)
    assert steps == sql(query, "--store", "local")
    names = {step["stage"] for step in steps}
    assert not any(name.endswith("magpie_3") for name in names)
    # Prefect has seen the run under its name; its task runs are the steps.
    assert names <= task_runs(work)


def terminated(work):
    """A run that gets SIGTERM once a shard is committed; how many shards that stage had."""
    with subprocess.Popen(
        [str(BOWERBIRD), "run", "small.yaml"],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as running:
        folder = next_shard(work / "store" / "stages")
        committed = len(log.read(folder).shards)
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=300)
    assert running.returncode == 1
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert "nanobind" not in errors
    return committed


class Listeners(threading.Thread):
    """Addresses and ports at which something listens that did not before, TCP and UDP."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self._done, self._before = set(), threading.Event(), self._now()

    def _now(self):
        # A UDP socket with a peer is a question (to a name server), not a listener.
        return {
            (c.laddr.ip, c.laddr.port)
            for c in psutil.net_connections("inet")
            if c.status == "LISTEN" or (c.type == socket.SOCK_DGRAM and not c.raddr)
        }

    def run(self):
        while not self._done.wait(0.3):
            self.seen |= self._now() - self._before

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self.join()


def task_runs(work):
    import sqlite3

    with sqlite3.connect(work / "prefect" / "prefect.db") as database:
        return {name for (name,) in database.execute("SELECT name FROM task_run")}


def test_an_unreachable_endpoint_is_found_before_anything_starts(work, small_recipe):
    engines = {
        "main": {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"},
        "embedder": {"kind": "scripted"},
    }
    stages = small_recipe()["stages"]
    stages[0] |= {"pre_query": "x"}
    write(work, small_recipe(engines=engines, stages=stages))
    done = bowerbird("run", "small.yaml")
    assert done.returncode == 2
    assert "nothing answers at http://127.0.0.1:9/v1" in done.stderr
    assert "Traceback" not in done.stderr


def next_shard(stages):
    """The folder of a first stage, once a shard is committed."""
    for _ in range(6000):
        for path in stages.glob("generate.magpie-*"):
            folder = LocalFolder(path)
            if (found := log.read(folder)) and found.shards:
                return folder
        time.sleep(0.1)
    raise AssertionError("nothing was committed in ten minutes")
