"""Schedules for real: a Prefect server that the test starts, and `bowerbird serve` beside it."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from pipelines.flows.firing import seed
from pipelines.store.files.folder import LocalFolder
from pipelines.store.log.log import is_complete
from pipelines.store.log.log import read as read_manifest

pytestmark = pytest.mark.slow
BIN = Path(sys.executable).parent
QUICK = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "3",
    "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_FLOWS_DEFAULT_RETRIES": "1",
    "PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS": "2",
    "PYTHONUNBUFFERED": "1",
}
ROWS = "".join(f'{{"instruction": "Name {n} rivers of Europe."}}\n' for n in range(60))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="module")
def server(home):
    """The API's URL of a server on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    command = [BIN / "prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
    with subprocess.Popen(
        list(map(str, command)),
        env=os.environ | QUICK | {"PREFECT_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        until(lambda: answers(f"{url}/health"), 90)
        yield url
        process.terminate()


def answers(url):
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def until(fact, seconds):
    """What `fact` returns as soon as it is true; a busy machine has four times as long."""
    for _ in range(4 * seconds * 5):
        found = fact()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not in {seconds} s")


@pytest.fixture
def work(tmp_path, monkeypatch, home):
    monkeypatch.chdir(tmp_path)
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PREFECT_HOME", str(home))
    for name in ("PREFECT_LOGGING_LEVEL", "PREFECT_LOGGING_TO_API_ENABLED"):
        monkeypatch.delenv(name, raising=False)  # importing pipelines.flows here has set them
    (tmp_path / "rows.jsonl").write_text(ROWS)
    return tmp_path


def write(work, script="babble", rows=12):
    source = {
        "name": work.name.replace("-", "_"),
        "seed": 3,
        "engines": {"main": {"kind": "scripted", "script": script}},
        "stages": [
            {"use": "source.instructions", "path": "rows.jsonl", "rows": rows},
            {"use": "filter.instruction"},
            {"use": "generate.respond"},
            {"use": "judge.quality"},
        ],
        "placement": {"shard_rows": 2},
    }
    (work / "small.yaml").write_text(yaml.safe_dump(source))
    return source["name"]


@contextmanager
def serving(*arguments):
    """`bowerbird serve`, until the block ends; the process and the file of its output."""
    log = Path("serve.log")
    with (
        log.open("w") as out,
        subprocess.Popen(
            [str(BIN / "bowerbird"), "serve", "small.yaml", "--local", *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            until(lambda: "Ctrl-C ends it" in log.read_text() or process.poll() is not None, 90)
            yield process, log
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=240)


def records():
    """The store's run records, oldest first."""
    found = [json.loads(p.read_text()) for p in Path("store/runs").glob("*/run.json")]
    return sorted(found, key=lambda run: (run["started"], run["id"]))


def post(url, path, **body):
    """Ask the API, again while it is busy, as Prefect's own client does."""
    for _ in range(10):
        reply = httpx.post(f"{url}/{path}", json=body, timeout=10)
        if reply.status_code != 503:
            break
        time.sleep(1)
    reply.raise_for_status()
    return reply.json() if reply.content else None


def asked(client, url, body):
    """What a server that wants a token against forged requests answers."""
    base = url.partition("/api")[0] + "/api"
    token = client.get(f"{base}/csrf-token", params={"client": "tests"}).json()["token"]
    headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "tests"}
    reply = client.post(url, json=body, headers=headers)
    reply.raise_for_status()
    return reply.json()


def fire(url, name):
    """Ask for a run now; its id."""
    deployment = httpx.get(f"{url}/deployments/name/bowerbird/{name}", timeout=10).json()
    state = {"type": "SCHEDULED"}
    return post(url, f"deployments/{deployment['id']}/create_flow_run", state=state)["id"]


def state(url, flow_run):
    return httpx.get(f"{url}/flow_runs/{flow_run}", timeout=10).json()["state"]["type"]


def test_a_schedule_fires_and_each_firing_has_a_seed_of_its_own(work):
    """With a server of its own, which ends with it."""
    name = write(work)
    with serving("--cron", "* * * * * */8") as (process, log):
        until(lambda: len(list(Path("store/runs").glob("*/report.html"))) >= 2, 120)
        url = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())[0] + "/api"
        # Who does not know the password reaches nothing, and it stands in no log.
        assert httpx.post(f"{url}/task_runs/filter", json={}).status_code in (401, 403)
        sign_in = Path(re.search(r"with what is in (\S+)", log.read_text())[1])
        assert sign_in.stat().st_mode & 0o077 == 0
        user, _, password = sign_in.read_text().strip().partition(":")
        assert password not in log.read_text()
        sign_in.unlink()
        with httpx.Client(auth=(user, password), timeout=10) as client:
            ask = lambda path, **body: asked(client, f"{url}/{path}", body)  # noqa: E731
            named = lambda key: ask("artifacts/filter", artifacts={"key": {"any_": [key]}})  # noqa: E731
            links = until(lambda: named(f"{name.replace('_', '-')}-report"), 20)
            tables = named(f"{name.replace('_', '-')}-yield")
            tasks = {run["name"] for run in ask("task_runs/filter")}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=240) == 0
    said = log.read_text()
    assert "Traceback" not in said
    assert "nanobind" not in said
    assert "the schedule is paused" in said
    assert not answers(f"{url}/health")
    first, second = [run for run in records() if run["status"] == "done"][:2]
    for run in (first, second):
        assert run["source"]["seed"] == seed(3, run["scheduled"])
        assert f"seed {run['source']['seed']}" in said
        assert Path("store/runs", run["id"], "report.html").is_file()
    assert first["scheduled"] < second["scheduled"]
    # What does not depend on the seed is not computed again; what does, is.
    assert [step["reused"] for step in second["steps"]] == [True, True, False, False]
    assert first["steps"][2]["folder"] != second["steps"][2]["folder"]
    assert tasks == {step["name"] for step in first["steps"]}
    shown = {table["description"]: json.loads(table["data"]) for table in tables}
    (mine,) = [rows for about, rows in shown.items() if first["id"] in about]
    assert [line["in"] for line in mine] == [12, 12, 12, 12]
    report = Path("store/runs", first["id"], "report.html").resolve()
    assert any(report.as_uri() in link["data"] for link in links)


def test_a_failed_stage_is_tried_again(work, server, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", server)
    well = work / "well"
    monkeypatch.setenv("BOWERBIRD_TEST_WELL", str(well))
    name = write(work, script="tests.data.flaky_script:flaky")
    with serving("--cron", "0 3 1 1 *") as (_, log):
        flow_run = fire(server, name)
        until(lambda: [run["status"] for run in records()] == ["failed"], 60)
        well.touch()
        until(lambda: state(server, flow_run) == "COMPLETED", 60)
    failed, done = records()
    assert done["status"] == "done"
    assert "rows failed" in failed["error"]
    assert failed["source"]["seed"] == done["source"]["seed"] == seed(3, done["scheduled"])
    assert [step["reused"] for step in done["steps"]] == [True, True, False, False]
    assert "rows failed" in log.read_text()
    assert "Traceback" not in log.read_text()


def responses():
    return list(Path("store/stages").glob("generate.respond-*"))


def test_a_cancelled_run_is_resumed_by_the_next(work, server, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", server)
    well = work / "well"
    monkeypatch.setenv("BOWERBIRD_TEST_WELL", str(well))
    name = write(work, script="tests.data.slow_script:slow", rows=60)
    with serving("--cron", "0 3 1 1 *"):
        first = fire(server, name)
        folder = LocalFolder(until(responses, 60)[0])
        until(lambda: shards(folder), 30)
        post(server, f"flow_runs/{first}/set_state", state={"type": "CANCELLING"})
        until(lambda: state(server, first) == "CANCELLED", 60)
        committed = shards(folder)
        assert [run["status"] for run in records()] == ["interrupted"]
        assert 1 <= len(committed) < 30
        well.touch()
        second = fire(server, name)
        until(lambda: state(server, second) == "COMPLETED", 120)
    cancelled, resumed, own = records()
    assert [run["status"] for run in (cancelled, resumed, own)] == ["interrupted", "done", "done"]
    assert resumed["scheduled"] == cancelled["scheduled"] < own["scheduled"]
    assert resumed["source"]["seed"] == cancelled["source"]["seed"] != own["source"]["seed"]
    assert is_complete(folder)
    assert all(shard in shards(folder) for shard in committed)


def shards(folder):
    found = read_manifest(folder)
    return found.shards if found else ()


def test_a_service_that_is_ended_stops_the_run_under_way(work, server, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", server)
    name = write(work, script="tests.data.slow_script:slow")
    with serving("--cron", "0 3 1 1 *") as (process, _):
        fire(server, name)
        until(responses, 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=240) == 0
    until(lambda: [run["status"] for run in records()] == ["interrupted"], 20)


def test_a_work_pool_runs_the_deployment(work, server, monkeypatch, root):
    """By the commands of docs/schedule.md, on this test's server, recipe and store."""
    monkeypatch.setenv("PREFECT_API_URL", server)
    monkeypatch.setenv("BOWERBIRD_RECIPES", str(work))
    write(work)
    page = (root / "docs/schedule.md").read_text()
    block = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[-1]
    given = {"configs/demo.yaml": str(work / "small.yaml"), "store=store": f"store={work}/store"}
    seen = 0
    for line in block.splitlines():
        if line.startswith("export "):
            continue
        mine = line
        for text, instead in given.items():
            mine = mine.replace(text, instead)
        more = ["--run-once"] if "worker start" in line else []
        more += ["--param", "local=true"] if "deployment run" in line else []
        done = subprocess.run(
            [str(BIN / mine.split()[0]), *shlex.split(mine)[1:], *more],
            cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        seen += 1
    assert seen == 4
    (run,) = records()
    assert run["status"] == "done"
    assert run["scheduled"]


def test_the_pages_other_commands(work, server, monkeypatch, root):
    """Serving on a server that is there, as the page has it."""
    monkeypatch.setenv("PREFECT_API_URL", server)
    page = (root / "docs/schedule.md").read_text()
    (here,), (start, elsewhere), _ = (
        block.splitlines() for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    )
    assert start == "prefect server start --host 127.0.0.1 --port 4200"
    address, _, same = elsewhere.partition(" ")
    assert address == "PREFECT_API_URL=http://127.0.0.1:4200/api"
    assert same == here
    assert shlex.split(here)[:2] == ["bowerbird", "serve"]
    write(work)
    with serving(*shlex.split(here)[3:]) as (_, log):
        assert "serving bowerbird/" in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--cron", "nonsense"], "'nonsense' is no cron expression"),
        (["--cron", "0 0 30 2 *"], "'0 0 30 2 *' never comes"),
        (["--cron", "0 3 * * *", "--set", "stages.respond.temperture=1"], "'temperture'"),
    ],
)
def test_what_cannot_be_served_is_said(work, server, monkeypatch, arguments, cause):
    monkeypatch.setenv("PREFECT_API_URL", server)
    write(work)
    with serving(*arguments) as (process, log):
        assert process.wait(timeout=240) == 2
    assert cause in log.read_text()
    assert "remedy" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert not Path("store").exists()
