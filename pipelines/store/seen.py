"""What a run saw of its stages: the shards that were there when it ended.

Of a run that is done all stages are complete and stay as they are, so their logs say it. What a
budget kept short goes on in the next run; what the first one saw lies in that run's folder:

    runs/<run id>/<stage folder>.seen
"""

import msgspec

from pipelines.store.files.checksummed_json import BrokenError, seal, unseal
from pipelines.store.files.folder import Folder
from pipelines.store.log import log
from pipelines.store.log.manifest import Manifest, Shard
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import RunError


def keep(store: Store, run: Run) -> None:
    """Write down what `run` sees of its stages, before it is recorded."""
    for step in run.steps:
        found = log.read(store.stage(step.folder))
        if found is not None:
            content = seal(msgspec.json.encode(found))
            store.run(run.id).put(_name(step), content)


def manifest(store: Store, run: Run, step: RunStep) -> Manifest | None:
    """The stage as the run saw it; of a run that is under way or broke off, as it is now.

    Raises:
        RunError: a record or a file of the log is damaged or missing.
    """
    kept = _kept(store.run(run.id), step) if run.status == "capped" else None
    return kept or log.read(store.stage(step.folder))


def _kept(folder: Folder, step: RunStep) -> Manifest | None:
    try:
        content = folder.read(_name(step))
    except FileNotFoundError:
        return None  # the run is of Bowerbird 0.1.0
    try:
        return msgspec.json.decode(unseal(content), type=Manifest)
    except (BrokenError, msgspec.DecodeError) as error:
        cause = f"{folder.uri(_name(step))} is damaged: {error}"
        raise RunError(cause, "Run its recipe again with the same budget.") from None


def shards(store: Store, runs: list[Run]) -> dict[str, list[Shard]]:
    """Of each stage folder, the shards that capped runs saw, listed by its log or no more."""
    found: dict[str, list[Shard]] = {}
    for run in runs:
        if run.status != "capped":
            continue
        for step in run.steps:
            kept = _kept(store.run(run.id), step)
            found.setdefault(step.folder, []).extend(kept.shards if kept else ())
    return found


def _name(step: RunStep) -> str:
    return f"{step.folder}.seen"


def incomplete(run: Run, step: RunStep, found: Manifest | None) -> str:
    """What a run that is done misses of a step; empty for nothing."""
    if step.version > (found.version if found else 0):
        return f"ends before version {step.version}, which {run.id} recorded"
    if run.status == "done" and not (found and found.complete):
        return f"is not complete, and {run.id} was done"
    return ""
