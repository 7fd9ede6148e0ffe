"""Is everything in a store what was committed? Every checksum, every version, every record."""

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.store import runs, seen
from pipelines.store.files import shards
from pipelines.store.files.content_hash import content_hash
from pipelines.store.files.folder import Folder
from pipelines.store.log import first_format, journal, log
from pipelines.store.log.manifest import File, Manifest
from pipelines.store.store import Store
from stages.errors import RunError


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a file. `folder` is the stage or run it belongs to."""

    folder: str
    where: str
    what: str


@dataclass(slots=True)
class Verified:
    """The result: what was read, how fast, and what is wrong."""

    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    """What a kill leaves and the next run repairs."""


def verify(store: Store) -> Verified:
    """Read every file of the store that counts and hold it against its checksum."""
    done = Verified()
    began = time.monotonic()
    for name in store.stages.folders():
        _stage(store.stage(name), name, done)
    done.seconds = time.monotonic() - began
    broken = {finding.folder for finding in done.findings}
    contents: dict[tuple[str, int], str] = {}
    for run_id in runs.ids(store.runs):
        done.findings += _run(store, run_id, broken, contents)
    for run_id in unrecorded(store):
        done.findings.append(Finding(run_id, store.run(run_id).uri(runs.NAME), "is missing"))
    return done


def unrecorded(store: Store) -> list[str]:
    """Runs that have files but no record."""
    known = set(runs.ids(store.runs))
    others = [run_id for run_id in store.runs.folders() if run_id not in known]
    return [r for r in others if any(not n.endswith(".tmp") for n in store.run(r).names())]


def _stage(folder: Folder, name: str, done: Verified) -> None:
    done.findings += [Finding(name, where, what) for where, what in damaged_log(folder)]
    done.notes += [Finding(name, *torn) for torn in _torn_journals(folder)]
    try:
        found = log.read(folder)
    except RunError as error:
        # Where the log's own check has it already, saying it once is enough.
        if not any(finding.folder == name for finding in done.findings):
            done.findings.append(Finding(name, folder.uri("log"), error.cause))
        return
    for file in files(found):
        done.files += 1
        done.bytes += file.bytes
        what = damage(folder, file, found)
        if what:
            done.findings.append(Finding(name, folder.uri(file.name), what))


def damaged_log(folder: Folder) -> Iterator[tuple[str, str]]:
    """What is wrong with the files of a log, those that readers skip included."""
    place = folder / "log"
    commits, snapshots = log.versions(place)
    for kind, found in (("json", commits), ("snapshot", snapshots)):
        for version in found:
            try:
                log.read_entry(place, version, kind)
            except FileNotFoundError:
                continue  # compacted away while it was looked at
            except RunError as error:
                yield place.uri(log.name(version, kind)), error.cause.rpartition(": ")[2]
    first = snapshots[0] + 1 if snapshots else 1
    for version in sorted(set(range(first, max(commits, default=-1))) - set(commits)):
        yield place.uri(log.name(version)), "is missing"
    if not commits:
        try:
            first_format.read(folder)
        except RunError as error:
            yield folder.uri(first_format.NAME), error.cause


def _torn_journals(folder: Folder) -> Iterator[tuple[str, str]]:
    """Journals with bytes that are no whole answer: torn by a kill, or damaged."""
    place = folder / "journal"
    for name in place.names():
        try:
            content = place.read(name)
        except FileNotFoundError:
            continue  # its shard was committed while it was looked at
        whole = journal.whole(content)
        if whole < len(content):
            rest = f"{len(content) - whole:,} bytes from byte {whole:,} on are no whole answer"
            yield place.uri(name), f"{rest}; the run asks for them again"


def files(found: Manifest | None) -> list[File]:
    """All files that a manifest lists."""
    return [file for shard in (found.shards if found else ()) for file in shard.files]


def damage(folder: Folder, file: File, found: Manifest | None) -> str:
    """What is wrong with a shard's file; empty where it is what was committed."""
    try:
        content = folder.read(file.name)
    except FileNotFoundError:
        return "is missing"
    except RunError as error:
        return error.cause
    if shards.intact(content, file):
        return ""
    if any(shards.intact(content, other) for other in files(found)):
        return "holds another shard"
    return f"is {_change(content, file.bytes)}"


def _change(content: bytes, committed: int) -> str:
    if len(content) != committed:
        what = "cut off" if len(content) < committed else "longer than committed"
        return f"{what}: {len(content):,} instead of {committed:,} bytes"
    return f"changed {_part(content)}"


def _part(content: bytes) -> str:
    if not any(content):
        return "to zeros"
    try:
        pq.read_metadata(pa.BufferReader(content))
    except (pa.ArrowException, OSError, ValueError):
        return "in its footer"
    return "in its data or its statistics"


def _run(
    store: Store, run_id: str, broken: set[str], contents: dict[tuple[str, int], str]
) -> Sequence[Finding]:
    try:
        run = runs.read(store.runs, run_id)
    except RunError as error:
        return [Finding(run_id, store.run(run_id).uri(runs.NAME), error.cause)]
    found = []
    for step in run.steps:
        if step.folder in broken:
            continue
        try:
            here = seen.manifest(store, run, step)
        except RunError as error:
            return [Finding(run_id, store.run(run_id).uri(), error.cause)]
        if run.status == "capped":
            found += lost(store.stage(step.folder), step.folder, here)
        what = seen.incomplete(run, step, here)
        if what:
            found.append(Finding(step.folder, store.stage(step.folder).uri("log"), what))
    last = run.steps[-1].folder
    if not found and run.content and last not in broken:
        here = seen.manifest(store, run, run.steps[-1])
        key = (last, here.version if here else 0)
        if key not in contents:
            contents[key] = _content(store.stage(last), here)
        if contents[key] not in ("", run.content):
            what = "its dataset is no longer the one it recorded: its last stage is another now"
            found.append(Finding(run_id, store.run(run_id).uri(runs.NAME), what))
    return found


def lost(folder: Folder, name: str, found: Manifest | None) -> list[Finding]:
    """Files that a capped run saw and that are not what they were, listed by the log or not."""
    checked = ((file, damage(folder, file, found)) for file in files(found))
    return [Finding(name, folder.uri(file.name), what) for file, what in checked if what]


def _content(folder: Folder, found: Manifest | None) -> str:
    tables = shards.FolderReader(folder, found.shards if found else ()).tables()
    first = next(tables, None)
    return content_hash(itertools.chain([first], tables), first.schema) if first else ""
