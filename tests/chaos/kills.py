"""Run, kill at a random time, run again until it is done; then hold it against a run in peace.

A run is a forked child of this process, which has imported everything and started no thread: that
makes a kill cost tenths of a second instead of seconds. The child does what `bowerbird run --local`
does. Everything that is looked at afterwards is looked at in a child of its own.
"""

import json
import math
import os
import random
import signal
import socket
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.execution.executor import LocalExecutor
from pipelines.execution.watch import Silent
from pipelines.recipe.parse import parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.log import journal, log
from pipelines.store.store import Store
from pipelines.store.upkeep import gc
from pipelines.store.upkeep.verify import verify

ROOT = Path(__file__).parents[2]
SCRIPT = "tests.chaos.counted_script:counted"


def short_recipe(seed):
    """Few steps and shards, so that a cluster of two cores starts few processes."""
    stages = [
        {"use": "generate.magpie", "rows": 40},
        {"use": "generate.respond"},
        {"use": "judge.quality"},
        {"use": "dedup.exact"},
    ]
    return recipe(seed) | {"stages": stages, "chains": {}}


def recipe(seed, **placement):
    return {
        "name": "chaos",
        "seed": seed,
        "engines": {name: {"kind": "scripted", "script": SCRIPT} for name in ("main", "other")},
        "chains": {
            "more": [{"use": "generate.magpie", "rows": 24, "temperature": 1.2}],
            "held": [
                {"use": "generate.magpie", "rows": 8, "temperature": 1.1},
                {"use": "annotate.embedding", "engine": "main"},
            ],
            "grown": [
                {
                    "rounds": 6,
                    "until": {"accepted": 64},
                    "stages": [{"use": "generate.magpie", "rows": 24}],
                }
            ],
        },
        "stages": [
            {"use": "mix.concat", "of": ["grown", "more"]},
            {"use": "filter.instruction"},
            {"use": "generate.respond", "samples": 2},
            {"use": "judge.quality"},
            {"use": "select.best"},
            {"use": "dialogue.simulate", "engine": ["main", "other"], "turns": 2},
            {"use": "annotate.embedding", "engine": "main"},
            {"use": "decontaminate.neighbours", "against": ["held"]},
            {"use": "dedup.semantic"},
            {"use": "select.quality_diversity", "rows": 40},
        ],
        "placement": {"shard_rows": 8, **placement},
    }


def run(place, seed):
    """One run in this process, as the command does it."""
    store = Store.at(place)
    job = prepare(parse(recipe(seed), ROOT), Path("chaos.yaml"), store)
    executor = LocalExecutor.of(job.recipe)
    return execute(job, executor, Silent(), run_in_threads).content


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def import_everything():
    """What a run would import, so that children find it there."""
    import faiss  # noqa: F401
    import pandas  # noqa: F401

    parse(recipe(0), ROOT)


def child(function, *arguments):
    """Start `function` in a child; its process id and where its result will be read."""
    out, into = os.pipe()
    pid = os.fork()
    if pid:
        os.close(into)
        return pid, out
    code = 1
    try:
        os.setpgid(0, 0)
        os.close(out)
        os.write(into, json.dumps(function(*arguments)).encode())
        code = 0
    except BaseException:  # noqa: BLE001  a child must not run its parent's code
        os.write(into, traceback.format_exc().encode())
    finally:
        os._exit(code)


def result(pid, out):
    """What the child returned; its traceback is raised here."""
    _, status = os.waitpid(pid, 0)
    with os.fdopen(out, "rb") as pipe:
        content = pipe.read()
    if os.WIFSIGNALED(status):
        return None
    assert os.WEXITSTATUS(status) == 0, content.decode()
    return json.loads(content)


def in_child(function, *arguments):
    return result(*child(function, *arguments))


def kill_after(seconds, function, *arguments, until=lambda: True):
    """What the child returned; None if it was killed before it was done.

    `seconds` are counted from when `until` says so.
    """
    pid, out = child(function, *arguments)
    last = time.monotonic() + 120
    end = math.inf
    while time.monotonic() < min(end, last) and not os.waitid(
        os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
    ):
        if end == math.inf and until():
            end = time.monotonic() + seconds
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    return result(pid, out)


def _always():
    return True


def _asked(calls, wanted):
    return lambda: len(calls.read_text().split()) >= wanted


def left_behind(place):
    """What a kill left: half-written files, files of no manifest, journals, half-done steps."""
    stages = Store.at(place).stages
    keys, uncommitted = [], 0
    for name in stages.folders():
        folder = stages / name
        found = log.read(folder)
        listed = {f.name for s in (found.shards if found else ()) for f in s.files}
        uncommitted += sum(each not in listed for each in folder.names())
        uncommitted += sum(each.endswith(".tmp") for each in (folder / "log").names())
        there = (folder / "journal").names()
        keys += [key.hex() for key in journal.load(folder / "journal", there)]
        uncommitted += len(there)
        uncommitted += bool(found and found.shards and not found.complete)
    return {"uncommitted": uncommitted, "journalled": keys}


def examine(place):
    """After the end: findings of `verify`, what `gc` would delete, then what it leaves."""
    store = Store.at(place)
    findings = [f"{f.where} {f.what}" for f in verify(store).findings]
    statuses = [each.status for each in store.all_runs()]
    with store.writing("gc") as lease:
        gc.collect(store, lease.epoch)
    rest = [each.where for each in gc.garbage(store)]
    return {"findings": findings, "statuses": statuses, "rest": rest}


def rows(place):
    """Rows of the last stage by id: (how many, how many different)."""
    from pipelines.store.files.shards import FolderReader

    store = Store.at(place)
    folder = store.stage(store.find(None).steps[-1].folder)
    tables = FolderReader(folder, log.read(folder).shards).tables(["id"])
    ids = [value for table in tables for value in table["id"].to_pylist()]
    return [len(ids), len(set(ids))]


@dataclass
class Tally:
    """What many trials came to."""

    kills: int = 0
    missed: int = 0
    marked: int = 0
    stores: int = 0
    again: int = 0
    mismatches: list = field(default_factory=list)
    bought_twice: int = 0
    extra_calls: int = 0

    def __str__(self):
        what = f"{len(self.mismatches)} mismatches, {self.bought_twice} answers bought twice"
        return (
            f"{self.kills} kills on {self.stores} stores, {self.again} of them during recovery, "
            f"{self.marked} left something half done: {what}, {self.extra_calls} calls asked again "
            f"because they were in flight"
        )


def sweep(folder, seed, kills, runner=run, *, by_calls=False):
    """At least `kills` kills on as many stores as it takes; a `Tally`.

    `by_calls`: most of them a moment after a random number of calls, for forms whose start takes
    most of their time.
    """
    import_everything()
    draw = random.Random(seed)
    calls = Path(os.environ.setdefault("CHAOS_CALLS", str(folder / "calls")))
    calls.write_text("")
    reference, took = _in_peace(runner, str(folder / "reference"), seed)
    expected = Counter(calls.read_text().split())
    kept = in_child(rows, str(folder / "reference"))
    tally = Tally()
    while tally.kills < kills:
        calls.write_text("")
        place = str(folder / f"store{tally.stores}")
        journalled, in_a_row = set(), 0
        while True:
            before = len(calls.read_text().split())
            # Where a start takes most of the time, kill after kill would never let a run end.
            enough = tally.kills >= kills or in_a_row >= 10
            after = math.inf if enough else draw.uniform(0, took)
            began = time.monotonic()
            until = _always
            if by_calls and not enough and draw.random() < 0.8:
                until = _asked(calls, before + draw.randint(1, max(1, expected.total() - before)))
                after = draw.uniform(0, 0.3)
            content = kill_after(after, runner, place, seed, until=until)
            asked = calls.read_text().split()[before:]
            tally.bought_twice += sum(key in journalled for key in asked)
            if content is not None:
                tally.missed += 1
                if not in_a_row:
                    # The reference may have been slower: then kills would fall behind the end,
                    # or into the start alone.
                    took = min(took, time.monotonic() - began)
                break
            left = in_child(left_behind, place)
            journalled |= set(left["journalled"])
            tally.kills += 1
            tally.again += in_a_row > 0
            in_a_row += 1
            tally.marked += left["uncommitted"] > 0
        tally.stores += 1
        tally.mismatches += _mismatches(place, same=content == reference, kept=kept)
        extra = Counter(calls.read_text().split())
        assert set(extra) == set(expected)
        tally.extra_calls += extra.total() - expected.total()
    return tally


def _in_peace(runner, place, seed):
    """What a run that nobody kills comes to, and the seconds it takes."""
    began = time.monotonic()
    return in_child(runner, place, seed), time.monotonic() - began


def _mismatches(place, *, same, kept):
    """What a store that went on after its kills has otherwise than the one made in peace."""
    found = in_child(examine, place)
    bad = [] if same else ["another content hash"]
    bad += found["findings"] + found["rest"]
    bad += [] if in_child(rows, place) == kept else ["other rows"]
    return bad + [status for status in found["statuses"] if status == "running"]
