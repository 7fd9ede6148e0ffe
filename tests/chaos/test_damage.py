"""Flipped bits, cut-off, zeroed, swapped and missing files: reported, or without consequence."""

import os
import random
from pathlib import Path

import pytest
from msgspec import structs

from pipelines.store import runs
from pipelines.store.files import shards
from pipelines.store.log import log
from pipelines.store.upkeep.verify import verify
from stages.errors import RunError
from tests.chaos.report import note

TRIALS = int(os.environ.get("CHAOS_MUTATIONS", "1000"))
KINDS = ("flip", "cut", "zeros", "swap", "missing", "longer")


@pytest.fixture
def store(run_recipe, small_recipe):
    return run_recipe(small_recipe())[1]


def everything(store, within=None):
    """All that a reader can get: records, manifests, rows. Errors stand for themselves.

    `within`: only what a change in this file could reach.
    """
    found = {}
    for run_id in runs.ids(store.runs):
        try:
            run = runs.read(store.runs, run_id)
        except RunError:
            found[run_id] = "refused"
            continue
        found[run_id] = run
        for step in run.steps:
            if within is None or step.folder in within.parts:
                found[step.name] = stage(store, step)
    return found


def stage(store, step):
    folder = store.stage(step.folder)
    try:
        listed = log.read(folder)
        if step.version > (listed.version if listed else 0):
            return "refused"
        files = [f for s in listed.shards for f in (s.part, s.rejected) if f.name]
        return [shards.read(folder, file) for file in files], listed.complete
    except RunError:
        return "refused"


def mutate(draw, files, kind):
    """Change one file; how to undo it, and whether anything changed."""
    path = draw.choice(files)
    before = path.read_bytes()
    after = bytearray(before)
    match kind:
        case "flip":
            after[draw.randrange(len(after))] ^= 1 << draw.randrange(8)
        case "cut":
            del after[draw.randrange(len(after)) :]
        case "zeros":
            start = draw.randrange(len(after))
            after[start : start + 64] = bytes(len(after[start : start + 64]))
        case "swap":
            after = bytearray(draw.choice(files).read_bytes())
        case "longer":
            after += bytes(draw.randrange(1, 50))
    if kind == "missing":
        path.unlink()
    else:
        path.write_bytes(after)
    return path, before, kind == "missing" or bytes(after) != before


def seen(path, findings):
    """Whether `verify` names the file.

    The last version of a manifest leaves no hole when it goes; the record of the run knows it.
    A record that is gone altogether is known to nobody.
    """
    named = any(Path(f.where).name == path.name for f in findings)
    return (
        named
        or any("ends before version" in f.what for f in findings)
        or (path.name == "run.json" and not path.exists())
    )


def test_no_damage_is_silent(store):
    draw = random.Random(0)
    sound = everything(store)
    # Leases decide who writes, and tests of their own see to damaged ones.
    files = [p for p in sorted(store.root.path.rglob("*")) if p.is_file() and p.suffix != ".html"]
    files = [p for p in files if p.parent.name != "lease"]
    assert verify(store).findings == []
    silent, unseen, changed = [], [], 0
    for number in range(TRIALS):
        kind = KINDS[number % len(KINDS)]
        path, before, differs = mutate(draw, files, kind)
        changed += differs
        for name, value in everything(store, path).items():
            if value not in ("refused", sound[name]):
                silent.append((kind, path, name))
        findings = verify(store).findings
        if differs and not seen(path, findings):
            unseen.append((kind, path))
        path.write_bytes(before)
    note("flips, cuts, zeros, swaps, missing files", f"{changed} that changed content: "
         f"{len(silent)} silent, {len(unseen)} not reported by verify")  # fmt: skip
    assert changed > 0.9 * TRIALS
    assert silent == []
    assert unseen == []


def test_the_check_sees_a_reader_that_does_not_verify(store, monkeypatch):
    """Vacuity: without checksums the same flips come through silently."""
    monkeypatch.setattr(shards, "intact", lambda content, file: True)
    draw = random.Random(0)
    sound = everything(store)
    files = sorted(store.root.path.rglob("part-*.parquet"))
    silent = 0
    for _ in range(150):
        path, before, _ = mutate(draw, files, "flip")
        try:
            silent += any(v not in ("refused", sound[n]) for n, v in everything(store).items())
        except Exception:  # noqa: BLE001  pyarrow noticed
            continue
        finally:
            path.write_bytes(before)
    assert silent > 10


@pytest.mark.parametrize("what", ["part", "rejected", "log"])
def test_repair_computes_what_is_damaged_and_nothing_else(store, what, root):
    from pipelines.execution.engines.reply_log import Cassettes
    from pipelines.execution.watch import Silent
    from pipelines.run.rebuild import affected, rebuild
    from pipelines.store.upkeep.repair import forget_damage

    class Fresh(Silent):
        def __init__(self, job):
            self.fresh = []

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def committed(self, step, shard, *, reused):
            if not reused:
                self.fresh.append(step.name)

    watches = []
    pattern = {"part": "generate.respond-*/part-00004-*", "rejected": "select*/rejected-*",
               "log": "filter.response-*/log/*2.json"}[what]  # fmt: skip
    path = next(store.stages.path.glob(pattern))
    path.write_bytes(path.read_bytes()[:-20])
    before = store.find(None)
    with store.writing("repair") as held:
        found = forget_damage(store, held.epoch)
    assert [Path(f.where).name for f in found] == [path.name]

    def watching(job):
        watches.append(Fresh(job))
        return watches[-1]

    runs_ = [structs.replace(r, recipe_path=str(root / "x.yaml"))
             for r in affected(store)]  # fmt: skip
    (done,) = rebuild(store, runs_, Cassettes(), watching)
    assert done.same
    assert done.run.content == before.content
    folder = path.parent.parent if what == "log" else path.parent
    assert set(watches[0].fresh) <= {folder.name.split("-")[0].replace(".", "_")}
    assert verify(store).findings == []
