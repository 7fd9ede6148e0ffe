"""The commit protocol, explored to the end: 2-3 writers, a reader, gc, a crash at every step."""

import pytest

from pipelines.store.log import log
from pipelines.store.log.log import FencedError, Log
from pipelines.store.upkeep import gc
from tests.pipelines.store.test_log import shard
from tests.support.explorer import MemoryFolder, apply, explore

FOLDER = MemoryFolder("stage/")


class Frozen:
    """Files as they are in one state, to be read at once."""

    def __init__(self, files, path="stage/"):
        self._files, self._path = files, path

    def __truediv__(self, name):
        return Frozen(self._files, f"{self._path}{name}/")

    def uri(self, name=""):
        return self._path + name

    def names(self):
        return apply(self._files, ("names", self._path))[1]

    def size(self, name):
        return apply(self._files, ("size", self._path + name))[1]

    def read(self, name):
        content = self._files.get(self._path + name)
        if content is None:
            raise FileNotFoundError(2, "No such file", name)
        return content


def writer(epoch, *indices):
    """Puts a part, commits it; says which it knows to be committed."""

    def run():
        sure = []
        opened = Log(FOLDER)
        try:
            if epoch > 1:
                opened.commit(epoch)  # as a run does when it opens a step
            for index in indices:
                FOLDER.put(f"part-{index}", b"rows")
                opened.commit(epoch, (shard(index),))
                sure.append(index)
        except FencedError:
            return sure, "fenced"
        return sure, "done"

    return run


def collector(epoch):
    def run():
        try:
            gc.fence(FOLDER, epoch)
        except FencedError:
            return [], "fenced"
        for each in list(gc.leftovers(FOLDER)):
            each.folder.delete(each.name)
        return [], "done"

    return run


def reader():
    found = log.read(FOLDER)
    return [s.index for s in found.shards] if found else [], "read"


def listed(files):
    """The shards that whoever looks at these files now finds; what must always be true of them."""
    found = log.read(Frozen(files))
    indices = {s.index for s in found.shards} if found else set()
    assert all(f"stage/part-{index}" in files for index in indices), "a listed file is gone"
    place = Frozen(files, "stage/log/")
    commits, snapshots = log.versions(place)
    kept = [v for v in commits if not snapshots or v >= snapshots[-1]]
    epochs = [log.read_entry(place, version).epoch for version in kept]
    assert epochs == sorted(epochs), "a writer that was taken over has committed"
    return indices


def holds(indices, outcomes):
    """What was acknowledged, or read, is there."""
    for outcome in outcomes:
        if outcome is not None:
            assert outcome[0] == "done", outcome
            assert set(outcome[1][0]) <= indices, "a commit that was acknowledged is gone"


def test_writers_of_one_epoch_beside_a_reader():
    assert explore([writer(1, 0, 1), writer(1, 2), reader], listed, holds) > 5_000


def test_writers_that_are_taken_over():
    assert explore([writer(1, 0), writer(2, 1), writer(3, 2)], listed, holds) > 25_000


def test_gc_beside_a_writer_that_wakes_up():
    assert explore([writer(1, 0, 1), collector(2), reader], listed, holds) > 5_000


def test_compaction_of_names_that_a_sleeper_wants(monkeypatch):
    monkeypatch.setattr(log, "_SNAPSHOT_AFTER", 1)
    assert explore([writer(1, 0, 1), writer(2, 2)], listed, holds) > 25_000


def test_compaction_under_a_reader(monkeypatch):
    monkeypatch.setattr(log, "_SNAPSHOT_AFTER", 1)
    assert explore([writer(1, 0), writer(2, 2), reader], listed, holds, crashes=False) > 25_000


def test_the_checks_see_a_protocol_that_replaces(monkeypatch):
    """Vacuity: with a put that replaces in place of one that does not, commits get lost."""

    def replace(self, name, content):
        self.put(name, content)
        return True

    monkeypatch.setattr(MemoryFolder, "create", replace)
    with pytest.raises(AssertionError, match="is gone"):
        explore([writer(1, 0), writer(1, 1)], listed, holds)


def test_the_checks_see_a_writer_without_a_fence(monkeypatch):
    monkeypatch.setattr(Log, "_apply", without_epoch(Log._apply))
    with pytest.raises(AssertionError, match="taken over"):
        explore([writer(1, 0), writer(2, 1)], listed, holds)


def without_epoch(apply_entry):
    def apply_(self, entry):
        apply_entry(self, entry)
        self.epoch = 0

    return apply_
