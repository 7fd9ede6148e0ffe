"""What a store holds and nobody needs: stages of no run, files of no manifest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.store import seen
from pipelines.store.files.folder import Folder, LocalFolder
from pipelines.store.log import first_format, log
from pipelines.store.log.manifest import Shard
from pipelines.store.store import Store
from pipelines.store.upkeep.verify import files, unrecorded
from stages.errors import RunError


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file, or a whole folder (`name` empty). `bytes` are those on the disk."""

    folder: Folder
    name: str
    bytes: int
    why: str

    @property
    def where(self) -> str:
        """Its path or address."""
        return self.folder.uri(self.name)


def _check_links(store: Store) -> None:
    """A store from elsewhere may have a link to a folder of yours where its own ought to be."""
    for folder in (store.stages, store.runs, store.root / "lease"):
        if isinstance(folder, LocalFolder) and folder.path.is_symlink():
            cause = f"{folder.uri()} is a link out of the store"
            raise RunError(cause, "Put the folder itself there; nothing was deleted.")


def garbage(store: Store) -> Iterator[Garbage]:
    """All of it. Runs are the roots: what a run points at stays, whatever became of the run.

    Raises:
        RunError: a manifest or a record is damaged; nothing is garbage that cannot be judged.
    """
    _check_links(store)
    used = _used(store)
    seen_by_runs = seen.shards(store, store.all_runs())
    for name in store.stages.folders():
        folder = store.stage(name)
        if name not in used:
            yield Garbage(folder, "", _size(folder), "no run points at it")
        else:
            yield from leftovers(folder, seen_by_runs.get(name, []))
    for folder in (store.root / "lease", *(store.run(name) for name in store.runs.folders())):
        yield from _half_written(folder)


def collect(store: Store, epoch: int) -> list[Garbage]:
    """Delete it; what was deleted. The store must be held."""
    _check_links(store)
    used = _used(store)
    for name in store.stages.folders():
        if name in used:
            fence(store.stage(name), epoch)
    found = list(garbage(store))
    for each in found:
        if each.name:
            each.folder.delete(each.name)
        else:
            each.folder.drop()
    return found


def _used(store: Store) -> set[str]:
    """The stage folders that runs point at."""
    for run_id in unrecorded(store):
        cause = f"the run {run_id} has no record, so what it needs is not known"
        place = store.run(run_id).uri()
        raise RunError(cause, f"Run its recipe again, then delete {place}.")
    return {step.folder for run in store.all_runs() for step in run.steps}


def fence(folder: Folder, epoch: int) -> None:
    """Let no writer that was taken over commit a file that is about to be deleted."""
    opened = log.Log(folder)
    if opened.epoch < epoch:
        opened.commit(epoch, given=opened.given)


def leftovers(folder: Folder, seen_by_runs: Sequence[Shard] = ()) -> Iterator[Garbage]:
    """The garbage in the folder of a stage that a run points at; what capped runs saw is not."""
    found = log.read(folder)
    listed = {file.name for file in files(found)}
    listed |= {file.name for shard in seen_by_runs for file in shard.files}
    if found is not None and not found.version:
        listed.add(first_format.NAME)
    for name in folder.names():
        if name not in listed:
            yield _file(folder, name, "no manifest and no capped run lists it")
    if found is not None and found.complete:
        for name in (folder / "journal").names():
            yield _file(folder / "journal", name, "its stage is complete")
    yield from _half_written(folder / "log")
    yield from _behind(folder / "log")


def _behind(folder: Folder) -> Iterator[Garbage]:
    """Versions that no reader comes to: before the oldest snapshot."""
    commits, snapshots = log.versions(folder)
    for version in commits:
        if snapshots and version < snapshots[0]:
            yield _file(folder, log.name(version), "a snapshot holds it")


def _half_written(folder: Folder) -> Iterator[Garbage]:
    for name in folder.names():
        if name.endswith(".tmp"):
            yield _file(folder, name, "its writer ended before it was whole")


def _file(folder: Folder, name: str, why: str) -> Garbage:
    return Garbage(folder, name, folder.size(name) or 0, why)


def _size(folder: Folder) -> int:
    own = sum(folder.size(name) or 0 for name in folder.names())
    return own + sum(_size(folder / name) for name in folder.folders())
