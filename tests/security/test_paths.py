"""No name in a record, no id and no address leads out of the store."""

import itertools
import os
import sys
from pathlib import Path

import msgspec
import pytest

from pipelines.store.files.checksummed_json import seal
from pipelines.store.files.folder import LocalFolder
from pipelines.store.log import log
from pipelines.store.log.manifest import File
from pipelines.store.query.catalog import query
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from pipelines.store.upkeep.verify import verify
from stages.errors import RunError, UserError
from tests.security.watch import effects, outside

TARGETS = ["secret.txt", "etc/passwd", "stages/x/part-0.parquet", "runs/r/run.json", "."]
CLIMBS = ["..", "../..", "../../..", "./..", "x/..", "x/../..", "....//..", "..\\..", ".\\..",
          "%2e%2e", "..%2f..", "..\0", "~", "~root", "$HOME", "//", "/", "C:", "file://", "s3://b",
          "\\\\host\\share"]  # fmt: skip
ENDS = ["", "/", "\0", "\n", "/."]
PAYLOADS = [
    f"{climb}/{target}{end}" for climb, target, end in itertools.product(CLIMBS, TARGETS, ENDS)
] + ["..", ".", "", "/", "\0", "../", "a/b", "a\\b", "a\0b"]


def test_there_are_five_hundred():
    assert len(set(PAYLOADS)) >= 500


@pytest.fixture
def store(tmp_path):
    (tmp_path / "secret.txt").write_text("canary")
    (tmp_path / "root").mkdir()
    return Store.at(tmp_path / "root")


def harmless(heard, store):
    # Python's own files: a module that is imported on the way, a line of a traceback.
    ours = [str(store.root), sys.prefix, sys.base_prefix, str(Path(__file__).parents[2])]
    return outside(heard, *ours) == []


def test_no_name_is_followed(store):
    folder = store.stages / "a"
    with effects() as heard:
        for name in PAYLOADS:
            for use in (
                folder.read,
                folder.size,
                folder.delete,
                folder.append_to,
                lambda n: folder.put(n, b"x"),
                lambda n: folder.create(n, b"x"),
                lambda n: folder.file(n, "0" * 64),
                lambda n: folder / n,
                store.stage,
                store.run,
            ):
                with pytest.raises(RunError, match="no name of a file"):
                    use(name)
            with (
                pytest.raises(UserError, match="there is no run")
                if name
                else pytest.raises(UserError, match="no runs")
            ):
                store.find(name)
    assert harmless(heard, store)
    assert Path(str(store.root), "..", "secret.txt").read_text() == "canary"


def test_no_name_in_a_record_is_taken(store):
    for name in PAYLOADS:
        if name:
            text = msgspec.json.encode(File(name, "", 1, 1))
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(text, type=File)
            for record in (
                RunStep(name="x", path="x", folder=name, columns=()),
                Run(id=name, recipe="x", recipe_path="x", source={}, started="", steps=(),
                    versions={}),
            ):  # fmt: skip
                text = msgspec.json.encode(record)
                with pytest.raises(msgspec.ValidationError):
                    msgspec.json.decode(text, type=type(record))
            with pytest.raises(msgspec.ValidationError):
                text = msgspec.json.encode(File("x", f"../{name}", 1, 1))
                msgspec.json.decode(text, type=File)


def test_a_store_from_elsewhere(run_recipe, small_recipe, tmp_path):
    """A whole store whose log names a file outside: readers say that it is damaged."""
    run, store = run_recipe(small_recipe())
    folder = store.stage(run.steps[0].folder)
    victim = tmp_path / "outside.parquet"
    shard = log.read(folder).shards[0]
    victim.write_bytes(folder.read(shard.part.name))
    for file in (folder / "log").names():
        path = Path(str(folder)) / "log" / file
        hostile = path.read_bytes().replace(shard.part.name.encode(), b"../../../outside.parquet")
        path.write_bytes(_sealed_again(hostile))
    with effects() as heard, pytest.raises(RunError, match="damaged"):
        query(store, run, f"SELECT * FROM {run.steps[0].name}")
    assert [what for event, what in heard if str(victim) in str(what)] == []
    assert verify(store).findings


def _sealed_again(content):
    """With the checksum that it ought to have: the hand that changed it is no accident."""
    head, mark, _ = content.rpartition(b',\n"xxh3_128"')
    assert mark
    return seal(head + b"}")


def test_a_link_in_place_of_a_folder_is_not_walked_by_gc(store):
    from pipelines.store.upkeep import gc

    away = Path(str(store.root)).parent / "away"
    away.mkdir()
    (away / "part-00000-x.parquet").write_text("mine")
    stages = Path(str(store.root)) / "stages"
    stages.mkdir()
    os.symlink(away, stages / "generate.magpie-0123456789abcdef")
    with store.writing("gc") as lease:
        gc.collect(store, lease.epoch)
    assert (away / "part-00000-x.parquet").read_text() == "mine"


def test_a_folder_is_what_it_says():
    assert (LocalFolder(Path("a")) / "b").path == Path("a/b")
