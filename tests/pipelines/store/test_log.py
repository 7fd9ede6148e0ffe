"""Commits: numbered, one writer each, of no lower epoch than the last; whatever is interrupted."""

import multiprocessing

import pytest

from pipelines.store.files.folder import LocalFolder
from pipelines.store.log import log
from pipelines.store.log.log import FencedError, Log
from pipelines.store.log.manifest import Counts, File, Shard, Usage
from stages.errors import RunError


def shard(index, rows=1):
    file = File(f"part-{index}", "sha", 1, rows, "xxh3")
    counts = Counts(input=rows, annotated=rows)
    return Shard(index, f"input-{index}", file, File("", "", 0, 0), counts, {}, Usage())


@pytest.fixture
def folder(tmp_path):
    return LocalFolder(tmp_path / "stage")


def test_what_was_committed_is_read_again(folder):
    writer = Log(folder, "a.stage", "print")
    assert log.read(folder) is None
    assert writer.commit(1, (shard(0), shard(2))) == 1
    assert writer.commit(1, (shard(1),), given="all") == 2
    found = log.read(folder)
    assert found.stage == "a.stage"
    assert found.complete
    assert [s.index for s in found.shards] == [0, 1, 2]
    assert found.version == 2


def test_a_commit_removes_shards_and_reopens_a_complete_stage(folder):
    Log(folder).commit(1, (shard(0), shard(1)), given="all")
    Log(folder).commit(1, remove=(1,))
    found = log.read(folder)
    assert not found.complete
    assert [s.index for s in found.shards] == [0]


def test_two_writers_of_one_epoch_both_commit(folder):
    first, second = Log(folder), Log(folder)
    first.commit(1, (shard(0),))
    second.commit(1, (shard(1),))
    first.commit(1, (shard(2),))
    assert [s.index for s in log.read(folder).shards] == [0, 1, 2]


def test_a_writer_that_was_taken_over_commits_nothing(folder):
    old, new = Log(folder), Log(folder)
    old.commit(1, (shard(0),))
    new.commit(2)
    with pytest.raises(FencedError, match="taken over"):
        old.commit(1, (shard(1),))
    assert [s.index for s in log.read(folder).shards] == [0]


def test_snapshots_spare_readers_what_came_before(folder):
    writer = Log(folder)
    for index in range(300):
        writer.commit(1, (shard(index),))
    commits, snapshots = log.versions(folder / "log")
    assert len(commits) + len(snapshots) < 140
    assert len(log.read(folder).shards) == 300


def test_a_sleeper_does_not_commit_into_the_compacted_past(folder):
    sleeper, writer = Log(folder), Log(folder)
    writer.commit(1, (shard(0),))
    for index in range(1, 200):
        writer.commit(1, (shard(index),))
    # The names it wants are free again; what it commits must come after all the others.
    assert sleeper.version == 0
    assert sleeper.commit(1, (shard(999),)) >= 201
    assert len(log.read(folder).shards) == 201


def commit_many(path, first):
    writer = Log(LocalFolder(path))
    return [writer.commit(1, (shard(first * 1000 + n),)) for n in range(50)]


def test_eight_processes_commit_fifty_times_each(tmp_path):
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        numbers = pool.starmap(commit_many, [(tmp_path / "stage", n) for n in range(8)])
    versions = [version for each in numbers for version in each]
    assert sorted(set(versions)) == sorted(versions)
    found = log.read(LocalFolder(tmp_path / "stage"))
    assert len(found.shards) == 400
    assert found.version == max(versions)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_missing_version_is_never_passed_over(folder, version):
    writer = Log(folder)
    for index in range(4):
        writer.commit(1, (shard(index),))
    (folder.path / "log" / log.name(version)).unlink()
    with pytest.raises(RunError, match="is missing"):
        log.read(folder)
