"""A kill at every system call of the commit path, and an error of the disk at every one that can.

strace does both to a process that commits two shards (`committer.py`).
"""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.store.files import shards
from pipelines.store.log import log
from pipelines.store.store import Store
from pipelines.store.upkeep import gc
from pipelines.store.upkeep.verify import verify
from tests.chaos.committer import COUNT, FOLDER, main, table
from tests.chaos.report import note

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CALLS = ("openat", "write", "fsync", "fdatasync", "rename", "link", "unlink", "mkdir")
EVERY = 1 if "CHAOS_REPORT" in os.environ else 6
"""Of the errors of the disk `make test` tries each at a sixth of the calls, not the same."""
COMMAND = [sys.executable, str(ROOT / "tests/chaos/committer.py")]


def run(place, *strace, preexec=None):
    traced = ["strace", "-f", "-qq", "-o", "/dev/null", *strace, "--"]
    command = [*(traced if strace else ()), *COMMAND, place]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=preexec,
    )  # fmt: skip


@pytest.fixture(scope="module")
def path_of_commit(tmp_path_factory):
    """(call, how many of its kind came before) of every call on the store, in order."""
    if shutil.which("strace") is None:
        pytest.fail("strace is missing; run `make strace`")
    folder = tmp_path_factory.mktemp("trace")
    run(str(folder / "warm"))
    out = folder / "trace"
    names = ",".join(CALLS)
    done = run(str(folder / "store"), "-y", "-o", str(out), "-e", f"trace={names}")
    assert done.returncode == 0, done.stderr
    seen, found = dict.fromkeys(CALLS, 0), []
    lines = [line.split(None, 1) for line in out.read_text().splitlines()]
    main = lines[0][0]
    for pid, text in lines:
        call = re.match(r"\w+", text)[0]
        if pid != main or call not in seen:
            continue
        seen[call] += 1
        if "/store" in text and (call != "openat" or "O_CREAT" in text):
            found.append((call, seen[call]))
    return found


def opens(place):
    """What a store must be at any time: readable, with whole files for all it lists."""
    store = Store.at(place)
    found = log.read(store.stage(FOLDER))
    for each in found.shards if found else ():
        assert shards.read(store.stage(FOLDER), each.part).equals(table(each.index))
    torn = re.compile("no whole answer|half")
    assert [f for f in verify(store).findings if not torn.search(f.what)] == []
    return {each.index for each in found.shards} if found else set()


def recovers(place):
    """The same command again ends it; nothing is left behind that nobody lists."""
    main(place)
    assert opens(place) == set(range(COUNT))
    store = Store.at(place)
    with store.writing("gc") as held:
        (store.stage(FOLDER) / "journal").drop()
        gc.fence(store.stage(FOLDER), held.epoch)
        for each in list(gc.leftovers(store.stage(FOLDER))):
            each.folder.delete(each.name)
    assert list(gc.leftovers(store.stage(FOLDER))) == []
    shards = log.read(store.stage(FOLDER)).shards
    listed = {file.name for shard in shards for file in shard.files}
    assert set(store.stage(FOLDER).names()) == listed


def acknowledged(output):
    return {int(number) for number in re.findall(r"committed (\d+)", output)}


@contextmanager
def side_by_side():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_a_kill_at_every_call(path_of_commit, tmp_path):
    assert len(path_of_commit) > 50

    def trial(step):
        call, number = step
        place = str(tmp_path / f"{call}{number}")
        done = run(place, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
        killed = done.returncode in (-9, 137)
        assert acknowledged(done.stdout) <= opens(place)
        marked = any(Path(place).rglob("*.tmp")) or len(opens(place)) < COUNT
        recovers(place)
        return killed, marked

    with side_by_side() as pool:
        results = list(pool.map(trial, path_of_commit))
    note("kill at every call of the commit path", f"{len(results)} calls, all recovered")
    # Vacuity: the kills took place, and in the middle of something.
    assert sum(killed for killed, _ in results) >= 0.95 * len(results)
    assert sum(marked for _, marked in results) >= 0.3 * len(results)


@pytest.mark.parametrize(("error", "first"), [("ENOSPC", 0), ("EIO", 1)])
def test_an_error_of_the_disk_at_every_call(path_of_commit, tmp_path, error, first):
    failing = [step for step in path_of_commit if step[0] not in ("unlink",)]
    failing = failing[first % EVERY :: EVERY]

    def trial(step):
        call, number = step
        place = str(tmp_path / f"{call}{number}")
        done = run(place, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}")
        assert acknowledged(done.stdout) <= opens(place)
        failed = done.returncode != 0
        if failed:
            assert done.returncode == 1, done.stderr
            assert re.fullmatch(r"error [^\n]+\n", done.stderr), done.stderr
            assert "Traceback" not in done.stderr
        recovers(place)
        return failed

    with side_by_side() as pool:
        results = list(pool.map(trial, failing))
    note(f"{error} at every call", f"{len(results)} calls, {sum(results)} failed in one line")
    # The last heartbeat of a run that is done is the one write that may fail unseen.
    assert sum(results) >= 0.9 * len(results)


def test_a_disk_that_is_really_full(tmp_path):
    """Ten sizes of a tmpfs, from one that holds nothing to one that holds it all."""
    script = f"""
    mount -t tmpfs -o size=$1 none {tmp_path} || exit 99
    {" ".join(COMMAND)} {tmp_path}/store; echo code $?
    mount -o remount,size=4m {tmp_path}
    {" ".join(COMMAND)} {tmp_path}/store; echo code $?
    """
    ends = []
    for size in (4, 8, 12, 16, 24, 32, 40, 56, 72, 1024):
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", f"{size}k"],
            capture_output=True, text=True, timeout=240, check=False, cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        first, second = re.findall(r"code (\d+)", done.stdout)
        assert second == "0", (size, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        assert (first == "1") == ("No space left on device" in done.stderr)
        ends.append(first)
    assert {"0", "1"} == set(ends)


def test_limits_of_the_process(tmp_path):
    """Files may not grow (EFBIG), no more may be open (EMFILE)."""
    import resource
    import signal

    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))

    done = run(str(tmp_path / "store"), preexec=small)
    assert done.returncode == 1
    assert re.fullmatch(r"error cannot write .*File too large.*\n", done.stderr), done.stderr
    recovers(str(tmp_path / "store"))
