"""The record of a run says how it ended, whatever happens."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from msgspec import structs

from pipelines.execution.steps.stage_run import StageRun
from pipelines.execution.steps.step_commits import digest
from pipelines.run.job import Job
from pipelines.store import runs, seen
from pipelines.store.files.content_hash import content_hash
from pipelines.store.files.shards import FolderReader
from pipelines.store.log import log
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import BowerbirdError

Pass = Sequence[StageRun]
"""All steps of a run, gone through once."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore signals while records and engines are closed: people often press Ctrl-C twice."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(which, signal.SIG_IGN) for which in asked]
    try:
        yield
    finally:
        for which, handler in zip(asked, before, strict=True):
            signal.signal(which, signal.SIG_DFL if handler is None else handler)


@contextmanager
def recorded(job: Job, passes: list[Pass]) -> Iterator[list[Run]]:
    """Record the job as running, and afterwards how it ended; the list then holds its record.

    The last of `passes` says whether the budget kept rows back, and which rounds were not needed:
    they are not among the steps of the record.
    """
    ended: list[Run] = []

    def record(status: str, error: str = "", **more: Any) -> None:
        facts = {"status": status, "error": error, "finished": runs.now(), **more}
        ended[:] = [structs.replace(job.run, **facts)]
        runs.write(job.store.runs, ended[0])

    runs.write(job.store.runs, job.run)
    try:
        yield ended
        skipped = {each.step.name for each in passes[-1] if each.out.skipped}
        job = replace(job, steps=tuple(s for s in job.steps if s.name not in skipped))
        steps = tuple(step for step in job.run.steps if step.name not in skipped)
        job = replace(job, run=structs.replace(job.run, steps=steps))
        facts = _result(job)
    except Exception as error:
        record("failed", error.cause if isinstance(error, BowerbirdError) else str(error))
        raise
    except BaseException:
        # Ctrl-C, or a scheduler's cancellation.
        with undisturbed():
            record("interrupted")
        raise
    reached = passes[-1][0].given.budget.reached
    if reached:
        seen.keep(job.store, job.run)
    record("capped" if reached else "done", reached, **facts)


def _result(job: Job) -> dict[str, Any]:
    """Of a run that is done: the versions of its manifests and the hash of its dataset."""
    found = [log.read(job.store.stage(step.folder)) for step in job.steps]
    steps = [
        structs.replace(kept, version=there.version, digest=digest(there.shards))
        for kept, there in zip(job.run.steps, found, strict=True)
        if there is not None
    ]
    content = _known_content(job.store, steps[-1])
    if content is None:
        shards = found[-1].shards if found[-1] else ()
        schema = job.steps[-1].schema
        rows = FolderReader(job.store.stage(job.steps[-1].folder), shards).tables(schema.names)
        content = content_hash(rows, schema)
    return {"steps": tuple(steps), "content": content}


def _known_content(store: Store, last: RunStep) -> str | None:
    """The hash that an earlier run recorded of the very same shards."""
    same = (last.folder, last.digest, last.columns)
    for run in store.all_runs(whole=True):
        there = run.steps[-1]
        if run.content and (there.folder, there.digest, there.columns) == same:
            return run.content
    return None
