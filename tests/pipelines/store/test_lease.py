"""One holder at a time; one that ended is succeeded without a manual step."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pipelines.store import lease as leases
from pipelines.store.files.folder import LocalFolder
from pipelines.store.store import Store
from stages.errors import BusyError

HOLD = """
import sys, time
from pipelines.store import lease
from pipelines.store.files.folder import LocalFolder
from pathlib import Path
held = lease.acquire(LocalFolder(Path(sys.argv[1])), "other")
print(held.epoch, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path):
    return LocalFolder(tmp_path / "store" / "lease")


@pytest.fixture(autouse=True)
def _closed(monkeypatch):
    """No lease beats on under the tests that follow in this process."""
    held, acquire = [], leases.acquire

    def recorded(*arguments):
        held.append(acquire(*arguments))
        return held[-1]

    monkeypatch.setattr(leases, "acquire", recorded)
    yield
    for lease in held:
        lease.close()


@pytest.fixture
def other(folder, root):
    """Another process that holds the store."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout.readline() == "1\n"
        yield process
        process.kill()


def test_the_store_is_free_again(folder):
    first = leases.acquire(folder, "one")
    assert leases.held_by(folder).run == "one"
    first.close()
    assert leases.held_by(folder) is None
    assert leases.acquire(folder, "two").epoch == 2


def test_a_second_run_is_told_who_holds_the_store_within_two_seconds(folder, other):
    began = time.monotonic()
    with pytest.raises(BusyError, match=f"held by run other .process {other.pid}"):
        leases.acquire(folder, "second")
    assert time.monotonic() - began < 2


def test_a_killed_holder_is_succeeded_at_once(folder, other):
    other.kill()
    other.wait()
    began = time.monotonic()
    assert leases.acquire(folder, "second").epoch == 2
    assert time.monotonic() - began < 1


def test_a_holder_that_does_not_move_is_succeeded(folder, other, monkeypatch):
    monkeypatch.setattr(leases, "_PATIENCE_S", 3.0)
    os.kill(other.pid, signal.SIGSTOP)
    assert leases.acquire(folder, "second").epoch == 2
    os.kill(other.pid, signal.SIGCONT)
    time.sleep(1.5)
    # The one that woke up does not beat for a store it no longer holds.
    assert leases.held_by(folder).run == "second"


def test_a_damaged_lease_is_no_obstacle(folder, monkeypatch):
    monkeypatch.setattr(leases, "_PATIENCE_S", 1.0)
    leases.acquire(folder, "one").close()
    for path in folder.path.iterdir():
        path.write_bytes(b"\x00" * 20)
    assert leases.acquire(folder, "two").epoch == 2


def test_a_number_of_a_process_that_was_given_again(folder):
    held = leases.acquire(folder, "one")
    held.close()
    older = leases.Holder(1, "one", held.holder.machine, os.getpid(), held.holder.born - 100, "")
    assert older.is_gone()
    assert not held.holder.is_gone()


def test_no_such_kind_of_store():
    from stages.errors import UserError

    with pytest.raises(UserError, match="no kind of store 'gs://'"):
        Store.at("gs://bucket/x")
