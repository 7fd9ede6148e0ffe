"""How a manifest grows: one numbered file per commit, each made by one writer only.

    stages/<folder>/log/v00000000000000000007.json        what the seventh commit changed
    stages/<folder>/log/v00000000000000000064.snapshot    the sum of all up to the 64th

A commit creates the file of the next number, which fails if another writer was first; it then
reads what that one did and tries the number after. Each commit carries its writer's epoch, a
number that grows whenever a store changes hands (`lease.py`): after a commit of a higher epoch
none of a lower one follows, so a writer that was taken over cannot commit. A snapshot changes
nothing; it spares readers the commits before it, which are deleted one snapshot later.

(Delta Lake's protocol in miniature: delta files as the unit of atomicity, checkpoints beside.)
"""

import re

import msgspec

from pipelines.store.files.checksummed_json import BrokenError, seal, unseal
from pipelines.store.files.folder import Folder
from pipelines.store.log import first_format
from pipelines.store.log.manifest import Manifest, Shard
from stages.errors import RunError

_NAME = re.compile(r"v(\d{20})\.(json|snapshot)")
_SNAPSHOT_AFTER = 64
_AT_MOST = 512
"""Commits between snapshots: an eighth of the shards within these bounds, so that snapshots cost a
commit little, and neither a reader nor a commit meets many files."""
_AFTER_COMPLETE = 8
"""Of a stage that is complete: it will be read more often than written."""
_REREADS = 20
"""How often a reader starts over because files it was about to open were compacted away."""


class Entry(msgspec.Struct, frozen=True):
    """A commit, or the sum of many (a snapshot)."""

    version: int
    epoch: int
    of: str
    """The name of the stage folder, so that another one's file is not taken for it."""
    stage: str
    fingerprint: str
    add: tuple[Shard, ...] = ()
    remove: tuple[int, ...] = ()
    """Indices of shards that are no more."""
    given: str = ""
    """If no more will come, the digest of all that the stage was given."""


class FencedError(RunError):
    """Another writer has taken over; nothing more can be committed."""


def name(version: int, kind: str = "json") -> str:
    """The name of a version's file."""
    return f"v{version:020}.{kind}"


def versions(folder: Folder) -> tuple[list[int], list[int]]:
    """The versions that have a file, in order, and those that have a snapshot."""
    found = [match for each in folder.names() if (match := _NAME.fullmatch(each))]
    commits, snapshots = (
        sorted(int(match[1]) for match in found if match[2] == kind)
        for kind in ("json", "snapshot")
    )
    return commits, snapshots


def read_entry(folder: Folder, version: int, kind: str = "json") -> Entry:
    """One file of a log.

    Raises:
        FileNotFoundError: there is none.
        RunError: it is damaged.
    """
    content = folder.read(name(version, kind))
    try:
        entry = msgspec.json.decode(unseal(content), type=Entry)
        if (entry.version, entry.of) != (version, _owner(folder)):
            raise BrokenError(f"it is version {entry.version} of {entry.of}")
    except (BrokenError, msgspec.DecodeError) as error:
        cause = f"the manifest {folder.uri(name(version, kind))} is damaged: {error}"
        raise RunError(cause, "`bowerbird repair` rebuilds what it listed.") from None
    return entry


def _owner(folder: Folder) -> str:
    """The name of the stage folder that a log is in."""
    return folder.uri().rstrip("/").split("/")[-2]


class Log:
    """The log of one stage folder, as far as it was read."""

    def __init__(self, folder: Folder, stage: str = "", fingerprint: str = "") -> None:
        self.folder = folder / "log"
        self._stage, self._fingerprint = stage, fingerprint
        self.version = self.epoch = 0
        self.given = ""
        self.shards: dict[int, Shard] = {}
        self._snapshot = 0
        self.refresh()
        if not self.version:
            self._adopt(first_format.read(folder))

    @property
    def complete(self) -> bool:
        """Whether no more shards will come."""
        return bool(self.given)

    @property
    def manifest(self) -> Manifest:
        """What the log says now."""
        shards = tuple(self.shards[index] for index in sorted(self.shards))
        return Manifest(self._stage, self._fingerprint, self.complete, shards, self.version)

    def _adopt(self, found: Manifest | None) -> None:
        if found is not None:
            self._stage, self._fingerprint = found.stage, found.fingerprint
            self.given = "unknown" if found.complete else ""
            self.shards = {shard.index: shard for shard in found.shards}

    def refresh(self) -> None:
        """Read what was committed since.

        Raises:
            RunError: a file of the log is damaged or missing.
        """
        missing = ""
        for _ in range(_REREADS):
            try:
                if self._catch_up():
                    return
            except FileNotFoundError as error:
                missing = str(error.filename or error)
        cause = f"the manifest's version {missing or self.folder.uri()} is missing"
        raise RunError(cause, "`bowerbird repair` rebuilds what it listed.")

    def _catch_up(self) -> bool:
        """Read to the end; return whether no compaction interfered."""
        commits, snapshots = versions(self.folder)
        if snapshots and snapshots[-1] > self.version:
            self.shards = {}
            self._apply(read_entry(self.folder, snapshots[-1], "snapshot"))
            self._snapshot = snapshots[-1]
        first = self.version + 1
        found = [read_entry(self.folder, v) for v in range(first, max(commits, default=0) + 1)]
        # A name that was compacted away is free for a sleeper's commit, which does not count.
        # Where a snapshot covers what was just read, that may have happened: begin at it.
        if found and versions(self.folder)[1][-1:] >= [first]:
            return False
        for entry in found:
            self._apply(entry)
        return True

    def _apply(self, entry: Entry) -> None:
        self.version, self.epoch = entry.version, entry.epoch
        self.given = entry.given
        # An entry of `gc` alone does not know them.
        self._stage = entry.stage or self._stage
        self._fingerprint = entry.fingerprint or self._fingerprint
        for index in entry.remove:
            self.shards.pop(index, None)
        for shard in entry.add:
            self.shards[shard.index] = shard

    def commit(
        self,
        epoch: int,
        add: tuple[Shard, ...] = (),
        remove: tuple[int, ...] = (),
        given: str = "",
    ) -> int:
        """Make a new version: from now on the shards in `add` exist. Its number.

        `given`: said with the last one, the digest of all that came in.

        Raises:
            FencedError: a writer of a higher epoch has committed.
            RunError: the disk is full, or a file of the log is damaged.
        """
        while True:
            if self.epoch > epoch:
                cause = f"another run has taken over {self.folder.uri()}"
                raise FencedError(cause, "Wait for it, or run again: what is committed is kept.")
            entry = self._next(epoch, add, remove, given)
            content = seal(msgspec.json.encode(entry))
            if self.folder.create(name(entry.version), content) and self._is_last(entry.version):
                self._apply(entry)
                self._compact()
                return entry.version
            self.refresh()

    def _next(
        self, epoch: int, add: tuple[Shard, ...], remove: tuple[int, ...], given: str
    ) -> Entry:
        if not self.version:
            # Of a store in the first format, the first commit takes over what was there.
            add = tuple((self.shards | {shard.index: shard for shard in add}).values())
        facts = (self._stage, self._fingerprint, add, remove, given)
        return Entry(self.version + 1, epoch, _owner(self.folder), *facts)

    def _is_last(self, version: int) -> bool:
        """Whether a file just created really follows the log's end.

        A writer that slept through two snapshots finds the name it wants free again, because
        what bore it was compacted away; a snapshot of that version or a later one is there then.
        It may also be there because others were quick after a commit that did follow: to commit
        that again does no harm.
        """
        snapshots = [each for each in self.folder.names() if each.endswith(".snapshot")]
        return not snapshots or max(snapshots) < name(version)

    def _interval(self) -> int:
        return max(_SNAPSHOT_AFTER, min(len(self.shards) // 8, _AT_MOST))

    def _compact(self) -> None:
        enough = _AFTER_COMPLETE if self.complete else self._interval()
        if self.version - self._snapshot < enough:
            return
        whole = self.manifest
        facts = (whole.stage, whole.fingerprint, whole.shards, (), self.given)
        entry = Entry(self.version, self.epoch, _owner(self.folder), *facts)
        before, self._snapshot = self._snapshot, self.version
        self.folder.create(name(self.version, "snapshot"), seal(msgspec.json.encode(entry)))
        # A reader that listed the folder a moment ago may still want the last generation.
        commits, snapshots = versions(self.folder)
        for version in commits:
            if version <= before:
                self.folder.delete(name(version))
        for version in snapshots:
            if version < before:
                self.folder.delete(name(version, "snapshot"))


def read(folder: Folder) -> Manifest | None:
    """The newest manifest of a stage folder; None where nothing was ever committed.

    Raises:
        RunError: a file of the log is damaged or missing.
    """
    log = Log(folder)
    return log.manifest if log.version or log.shards else None


def is_complete(folder: Folder) -> bool:
    """Whether all shards of a stage folder are committed."""
    found = read(folder)
    return found is not None and found.complete
