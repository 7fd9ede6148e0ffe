"""A power cut at any moment: what was not synced is gone, or half there, in any combination.

The committer's calls on its files are written down. A crash state is a prefix of them in which
content counts only as far as it was synced, and names only if their folder was, or by chance.
(The method of ALICE, OSDI 2014.)
"""

import os
import random
from pathlib import Path

import pytest

from pipelines.store import lease
from pipelines.store.files import folder as folders
from pipelines.store.files import shards
from pipelines.store.log import log
from pipelines.store.store import Store
from tests.chaos import committer
from tests.chaos.report import note

STATES = int(os.environ.get("CHAOS_POWER", "300"))


class Recorder:
    """`os`, writing down what changes files."""

    def __init__(self, root):
        self.root, self.calls, self._open = root, [], {}

    def __getattr__(self, name):
        return getattr(os, name)

    def _note(self, *call):
        self.calls.append(call)

    def open(self, path, flags, mode=0o777):
        new = flags & os.O_CREAT and not os.path.exists(path)
        handle = os.open(path, flags, mode)
        self._open[handle] = str(path)
        if new:
            self._note("create", str(path))
        if flags & os.O_TRUNC and not new:
            self._note("truncate", str(path))
        return handle

    def write(self, handle, content):
        self._note("write", self._open[handle], bytes(content))
        return os.write(handle, content)

    def fsync(self, handle):
        path = self._open[handle]
        self._note("syncdir" if os.path.isdir(path) else "sync", path)

    fdatasync = fsync

    def rename(self, old, new):
        os.rename(old, new)
        self._note("rename", str(old), str(new))

    def link(self, old, new):
        os.link(old, new)
        self._note("link", str(old), str(new))

    def unlink(self, path):
        os.unlink(path)
        self._note("unlink", str(path))

    def mkdir(self, path):
        os.mkdir(path)
        self._note("mkdir", str(path))


def crash_state(calls, draw):
    """Files by path after a power cut behind `calls`."""
    content, synced, names, folder_ops = {}, {}, {}, []
    for call in calls:
        match call:
            case ("create", path):
                node = object()
                names[path] = node
                content[node], synced[node] = b"", b""
                folder_ops.append(("add", path, node))
            case ("truncate", path):
                content[names[path]] = b""
            case ("write", path, data):
                content[names[path]] += data
            case ("sync", path):
                synced[names[path]] = content[names[path]]
            case ("rename", old, new):
                node = names.pop(old)
                names[new] = node
                folder_ops += [("move", old, new, node)]
            case ("link", old, new):
                names[new] = names[old]
                folder_ops.append(("add", new, names[old]))
            case ("unlink", path):
                names.pop(path, None)
                folder_ops.append(("remove", path))
            case ("mkdir", path):
                folder_ops.append(("folder", path))
            case ("syncdir", path):
                folder_ops = [(*op, "sure") if _in(op, path) else op for op in folder_ops]
    return _surviving(folder_ops, content, synced, draw)


def _in(op, folder):
    return op[-1] != "sure" and str(Path(op[2] if op[0] == "move" else op[1]).parent) == folder


def _surviving(folder_ops, content, synced, draw):
    chance = draw.choice([0.0, 0.5, 1.0])
    there, made = {}, set()
    for op in folder_ops:
        if op[-1] != "sure" and draw.random() >= chance:
            continue
        match op:
            case ("folder", path, *_):
                made.add(path)
            case ("add", path, node, *_):
                there[path] = node
            case ("move", old, new, node, *_):
                there.pop(old, None)
                there[new] = node
            case ("remove", path, *_):
                there.pop(path, None)
    kept = {}
    for path, node in there.items():
        durable, rest = synced[node], content[node][len(synced[node]) :]
        if content[node][: len(durable)] != durable:
            durable, rest = content[node], b""
        lost = draw.choice(["all", "part", "none", "zeros"])
        tail = {"all": b"", "part": rest[: len(rest) // 2], "none": rest, "zeros": bytes(len(rest))}
        kept[path] = durable + tail[lost]
    return kept


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """The calls of a run of the committer; acknowledgements stand among them."""
    patch = pytest.MonkeyPatch()
    place = tmp_path_factory.mktemp("power") / "store"
    recorder = Recorder(place)
    patch.setattr(folders, "os", recorder)
    patch.setattr(lease, "_BEAT_S", 3600.0)
    patch.setattr(committer, "COUNT", 4)
    patch.setattr(log, "_SNAPSHOT_AFTER", 2)
    patch.setattr(
        committer, "print", lambda text, **_: recorder._note("acknowledged", text), raising=False
    )
    recorder._note("mkdir", str(place.parent))
    recorder._note("syncdir", str(place.parent.parent))
    committer.main(str(place))
    patch.undo()
    return place, recorder.calls


def crash(place, calls, target, draw):
    """Write the files of a crash state to `target`; the store there."""
    for path, content in crash_state(calls, draw).items():
        new = target / Path(path).relative_to(place)
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(content)
    return Store.at(target)


def trials(recording, target, count):
    place, calls = recording
    draw = random.Random(0)
    for number in range(count):
        upto = draw.randrange(1, len(calls) + 1)
        store = crash(place, calls[:upto], target / str(number), draw)
        sure = {int(c[1].split()[1]) for c in calls[:upto] if c[0] == "acknowledged"}
        yield store, sure


def bad(store, sure):
    """What a store must not be after a power cut."""
    found = log.read(store.stage(committer.FOLDER))
    listed = {each.index: each for each in (found.shards if found else ())}
    if not sure <= set(listed):
        return "an acknowledged commit is gone"
    for index, each in listed.items():
        if not shards.read(store.stage(committer.FOLDER), each.part).equals(committer.table(index)):
            return "other rows"
    return ""


def test_a_power_cut_at_any_moment(recording, tmp_path):
    found = [bad(*trial) for trial in trials(recording, tmp_path, STATES)]
    note("power cuts", f"{len(found)} crash states, {sum(map(bool, found))} bad")
    assert found == [""] * STATES


@pytest.mark.parametrize("forgotten", ["sync", "syncdir"])
def test_the_check_sees_a_missing_sync(recording, tmp_path, forgotten):
    """Vacuity: with one kind of sync left out some crash states are bad."""
    place, calls = recording
    careless = [call for call in calls if call[0] != forgotten]
    found = 0
    for store, sure in trials((place, careless), tmp_path, 100):
        try:
            found += bool(bad(store, sure))
        except Exception:  # noqa: BLE001  a torn manifest is as bad
            found += 1
    assert found > 5
