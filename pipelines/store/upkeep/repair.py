"""Take out of the manifests what is damaged, so that a run computes that and nothing else."""

from collections import Counter

import msgspec

from pipelines.store import runs
from pipelines.store.files.checksummed_json import seal
from pipelines.store.files.folder import Folder
from pipelines.store.log import first_format, log
from pipelines.store.log.manifest import Shard
from pipelines.store.store import Store
from pipelines.store.upkeep.verify import Finding, damage, damaged_log, verify
from stages.errors import RunError


def forget_damage(store: Store, epoch: int) -> list[Finding]:
    """Un-commit damaged shards and set damaged records aside; what was found.

    Manifests are put together again from the versions that are whole; shards that only a lost
    version listed are computed again. Journals need no repair: what is whole in them counts.
    """
    found = verify(store).findings
    recorded = Counter[str]()
    for run in store.all_runs(whole=True):
        for step in run.steps:
            recorded[step.folder] = max(recorded[step.folder], step.version)
    for name in {finding.folder for finding in found}:
        if name in store.stages.folders() and not _is_sound(store.stage(name)):
            _restore(store.stage(name), epoch, recorded[name])
        elif name in store.runs.folders():
            _set_aside(store.run(name))
    return found


def _is_sound(folder: Folder) -> bool:
    """Whether the log and all that it lists are whole: only a capped run lists what is not."""
    if any(True for _ in damaged_log(folder)):
        return False
    found = log.read(folder)
    return found is not None and not any(_is_damaged(folder, shard) for shard in found.shards)


def _restore(folder: Folder, epoch: int, recorded: int) -> None:
    place = folder / "log"
    kept, facts = _salvage(folder)
    sound = tuple(s for s in kept.values() if not _is_damaged(folder, s))
    commits, snapshots = log.versions(place)
    version = max([recorded, *commits, *snapshots]) + 1
    if facts is None:
        # Nothing says what the folder held: it is computed from nothing.
        place.drop()
        folder.delete(first_format.NAME)
        return
    entry = msgspec.structs.replace(facts, version=version, epoch=epoch, add=sound, given="")
    content = seal(msgspec.json.encode(entry))
    # The snapshot first: readers that see the commit must not need the versions before it.
    place.put(log.name(version, "snapshot"), content)
    place.put(log.name(version), content)
    for old in commits:
        place.delete(log.name(old))
    for old in snapshots:
        place.delete(log.name(old, "snapshot"))
    folder.delete(first_format.NAME)


def _salvage(folder: Folder) -> tuple[dict[int, Shard], log.Entry | None]:
    """All shards that some whole version lists, as the last of them has it."""
    place = folder / "log"
    commits, snapshots = log.versions(place)
    order = sorted([(v, "snapshot") for v in snapshots] + [(v, "json") for v in commits])
    kept: dict[int, Shard] = {}
    facts = None
    for version, kind in order:
        try:
            entry = log.read_entry(place, version, kind)
        except (RunError, FileNotFoundError):
            continue
        facts = msgspec.structs.replace(entry, remove=())
        kept = {} if kind == "snapshot" else kept
        for index in entry.remove:
            kept.pop(index, None)
        kept |= {shard.index: shard for shard in entry.add}
    return kept, facts


def _is_damaged(folder: Folder, shard: Shard) -> bool:
    return any(damage(folder, file, None) for file in shard.files)


def _set_aside(folder: Folder) -> None:
    try:
        content = folder.read(runs.NAME)
        runs.parse(content)
    except ValueError:
        folder.put(f"{runs.NAME}.damaged", content)
        folder.delete(runs.NAME)
