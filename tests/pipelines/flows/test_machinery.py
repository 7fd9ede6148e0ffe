"""What a run needs beside its recipe may be slow, missing or not what it seems."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from pipelines.flows.server import Server
from pipelines.machine.waiting import waiting_for
from stages.errors import RunError

pytestmark = pytest.mark.slow
BOWERBIRD = Path(sys.executable).parent / "bowerbird"


@pytest.fixture
def work(tmp_path, monkeypatch, small_recipe):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    source = small_recipe()
    source["stages"] = source["stages"][:3]
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(source))
    return tmp_path


def run(*arguments, **environment):
    return subprocess.run(
        [str(BOWERBIRD), "run", "small.yaml", *arguments], env=os.environ | environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def records():
    found = [json.loads(path.read_text()) for path in Path("store/runs").glob("*/run.json")]
    return [(record["status"], record["error"]) for record in found]


def test_what_does_not_start_is_one_cause_and_leaves_a_record(work):
    """A Prefect whose folder is a file; the same command goes on when it is gone."""
    (work / "file").write_text("")
    done = run(PREFECT_HOME=str(work / "file/below"))
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error ") == 1, done.stderr
    assert "--local" in done.stderr
    ((status, error),) = records()
    assert status == "failed"
    assert error
    whole = run("--local")
    assert whole.returncode == 0, whole.stderr


def test_a_locked_database_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "prefect").mkdir()
    with closing(sqlite3.connect(tmp_path / "prefect/prefect.db", isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        started = Server(lambda _: None, scheduling=False)
        try:
            with pytest.raises(RunError, match="database is locked") as no:
                started.ready()
        finally:
            started.stop()
    assert "--local" in no.value.remedy


def test_a_configured_server_that_is_not_there(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    started = Server(lambda _: None, scheduling=False)
    with pytest.raises(
        RunError, match=r"no Prefect server answers at http://127\.0\.0\.1:9/api"
    ) as no:
        started.ready()
    assert "--local" in no.value.remedy


def test_the_password_goes_to_no_process_that_took_the_port(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    seen = []

    class Impostor(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get("authorization"))
            self.send_response(200)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"true")

        def log_message(self, *_):
            pass

    started = Server(lambda _: None, scheduling=False)
    first = started._url
    taken = ThreadingHTTPServer(("127.0.0.1", urlsplit(first).port), Impostor)
    threading.Thread(target=taken.serve_forever, daemon=True).start()
    monkeypatch.setenv("PREFECT_API_URL", "")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "")
    try:
        started.ready()
        assert os.environ["PREFECT_API_URL"] == started._url != first
    finally:
        started.stop()
        taken.shutdown()
        taken.server_close()
    assert set(seen) == {None}


def test_a_port_is_taken_and_prefect_slow(tmp_path, monkeypatch):
    """Waited for, and said so. Of a whole run, and for longer: chaos/test_slow_prefect."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\nif sys.orig_argv[1:4] == ['-m', 'prefect', 'server']: time.sleep(9)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PREFECT_API_URL", "")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "")
    said = []
    started = Server(said.append, scheduling=False)
    first = started._url
    with socket.create_server(("127.0.0.1", urlsplit(first).port)):
        try:
            started.ready()
            assert started._url != first
        finally:
            started.stop()
    assert said[0] == "waiting for Prefect's server"


def test_waiting_is_said_only_where_it_takes_long(monkeypatch):
    from pipelines.machine import waiting

    monkeypatch.setattr(waiting, "_FIRST_S", 0.1)
    monkeypatch.setattr(waiting, "_AGAIN_S", 0.1)
    said = []
    with waiting_for("a bus", said.append):
        pass
    assert said == []
    with waiting_for("a bus", said.append):
        threading.Event().wait(0.45)
    assert said[0] == "waiting for a bus"
    assert len(said) >= 3
