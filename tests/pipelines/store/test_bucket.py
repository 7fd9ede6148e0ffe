"""A store in a bucket: an S3 server that the test starts, conditional puts and all."""

import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from pipelines.store.files import bucket
from pipelines.store.files.bucket import Bucket
from pipelines.store.log import log
from pipelines.store.log.log import Log
from pipelines.store.query.catalog import query
from pipelines.store.query.lineage import history
from pipelines.store.store import Store
from pipelines.store.upkeep.verify import verify
from stages.errors import BusyError, RunError, UserError
from tests.pipelines.store.test_log import shard

pytestmark = pytest.mark.slow
BOWERBIRD = Path(sys.executable).parent / "bowerbird"


@pytest.fixture(scope="module")
def server():
    """The address of a server whose conditional puts are atomic, as S3's are.

    moto looks and stores in two steps, which two threads can both pass; a lock makes it one.
    """
    from moto.s3.responses import S3Response
    from moto.server import ThreadedMotoServer

    lock, plain = threading.Lock(), S3Response.put_object

    def put_object(self):
        with lock:
            return plain(self)

    patch = pytest.MonkeyPatch()
    patch.setattr(S3Response, "put_object", put_object)
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()
    patch.undo()


@pytest.fixture
def url(server, monkeypatch, tmp_path):
    import httpx

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("BOWERBIRD_CACHE", str(tmp_path / "cache"))
    bucket._client.cache_clear()
    httpx.post(f"{server}/moto-api/reset")
    httpx.put(f"{server}/sets")
    return "s3://sets/store"


def test_of_eight_that_create_one_name_one_wins(url):
    here, there = multiprocessing.Pipe()
    here.send(Bucket(url))  # as to a process of a cluster
    folder = there.recv()
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            content = [f"{number} {writer}".encode() for writer in range(8)]
            won = list(pool.map(lambda c, n=number: folder.create(f"name{n}", c), content))
            assert won.count(True) == 1
            assert folder.read(f"name{number}") == content[won.index(True)]


def test_files_and_folders(url):
    folder = Bucket(url)
    assert folder.names() == folder.folders() == []
    with pytest.raises(FileNotFoundError):
        folder.read("one")
    folder.put("one", b"1")
    (folder / "below").put("two", b"22")
    assert (folder.names(), folder.folders()) == (["one"], ["below"])
    assert (folder / "below").size("two") == 2
    assert folder.size("two") is None
    folder.delete("one")
    folder.delete("one")
    folder.drop()
    assert folder.folders() == []


def test_a_put_whose_answer_was_lost_is_not_another_writers(url):
    folder = Bucket(url)
    assert folder.create("v1", b"mine")
    assert folder.create("v1", b"mine")
    assert not folder.create("v1", b"yours")


def test_writers_take_turns_in_a_bucket(url):
    folder = Bucket(url) / "a.stage-x"

    def commit(first):
        writer = Log(folder)
        return [writer.commit(1, (shard(first * 10 + n),)) for n in range(5)]

    with ThreadPoolExecutor(4) as pool:
        versions = [v for each in pool.map(commit, range(4)) for v in each]
    assert sorted(versions) == list(range(1, 21))
    assert len(log.read(folder).shards) == 20


def test_a_run_in_a_bucket(url, run_recipe, small_recipe):
    run, store = run_recipe(small_recipe(), Store.at(url))
    plain, local = run_recipe(small_recipe())
    assert run.content == plain.content
    assert query(store, run, "SELECT * FROM dataset").equals(
        query(local, plain, "SELECT * FROM dataset")
    )
    row = query(store, run, "SELECT id FROM dataset").to_pylist()[0]["id"]
    assert history(store, run, row) == history(local, plain, row)
    assert verify(store).findings == []
    with store.writing("one"), pytest.raises(BusyError, match="held by run one"):
        run_recipe(small_recipe(), store)
    again, _ = run_recipe(small_recipe(), store)
    assert all(step.reused for step in again.steps)


def test_a_run_that_is_broken_off_goes_on_from_its_journal(url, run_recipe, small_recipe):
    from pipelines.execution.watch import Silent

    class Stops(Silent):
        def committed(self, step, shard, *, reused):
            if step.name == "generate_respond":
                raise RunError("pulled the plug")

    store = Store.at(url)
    with pytest.raises(RunError, match="pulled"):
        run_recipe(small_recipe(), store, Stops())
    run, _ = run_recipe(small_recipe(), store)
    assert run.status == "done"
    assert run.content == run_recipe(small_recipe())[0].content
    journals = [n for s in store.stages.folders() for n in (store.stage(s) / "journal").names()]
    assert journals == []


def test_the_command_in_a_bucket(url, small_recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(yaml.safe_dump(small_recipe()))
    for arguments in (
        ["run", "small.yaml", "--local"], ["status"], ["verify"], ["gc"], ["report"],
        ["sql", "SELECT count(*) FROM dataset"],
    ):  # fmt: skip
        done = subprocess.run(
            [str(BOWERBIRD), *arguments, "--store", url],
            capture_output=True, text=True, timeout=400, check=False, env=os.environ,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert not Path("store").exists()


@pytest.mark.parametrize(
    ("address", "where", "cause"),
    [
        ("http://127.0.0.1:9", "s3://sets/store", "EndpointConnectionError"),
        (None, "s3://none/store", "bucket does not exist"),
        ("nowhere", "s3://sets/store", "Invalid endpoint"),
    ],
)
def test_what_is_wrong_is_one_line(
    url, monkeypatch, run_recipe, small_recipe, address, where, cause
):
    monkeypatch.setattr(bucket, "_ATTEMPTS", 1)
    if address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        bucket._client.cache_clear()
    with pytest.raises((RunError, UserError), match=cause) as caught:
        run_recipe(small_recipe(), Store.at(where))
    assert "\n" not in str(caught.value)
    assert "AWS_ENDPOINT_URL" in str(caught.value)
    bucket._client.cache_clear()
