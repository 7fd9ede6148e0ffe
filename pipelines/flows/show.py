"""What Prefect shows of a run beside its steps: the yield as a table, the report as a link.

They are shown, not kept: a server that cannot take them costs the run nothing but a line in the
log.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_link_artifact, create_table_artifact

from pipelines.run import Job
from pipelines.store import manifest
from stages.errors import first_line


def rows(job: Job) -> None:
    """A table: what came in, went on, was dropped and failed at each step, and why."""
    lines = []
    for step in job.steps:
        found = manifest.read(job.store.stage(step.folder))
        if found is None:
            continue
        counts = found.counts
        lines.append(
            {
                "stage": step.name,
                "in": counts.input,
                "out": counts.output,
                "dropped": counts.dropped,
                "failed": counts.failed,
                "tokens": found.usage.completion_tokens,
                "reasons": found.why,
            }
        )
    with _if_possible():
        create_table_artifact(lines, key=_key(job, "yield"), description=_about(job))


def report(job: Job) -> None:
    """A link to the report's file; browsers open it only from the machine that has the store."""
    path = job.store.report(job.run.id).resolve()
    with _if_possible():
        create_link_artifact(
            path.as_uri(), link_text=str(path), key=_key(job, "report"), description=_about(job)
        )


@contextmanager
def _if_possible() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        get_run_logger().warning("Prefect did not take an artifact: %s", first_line(error))


def _about(job: Job) -> str:
    fired = f", due {job.run.scheduled}" if job.run.scheduled else ""
    return f"Run {job.run.id}, seed {job.run.seed}{fired}, in {job.store.root.resolve()}"


def _key(job: Job, what: str) -> str:
    """Prefect's keys know lower case, digits and dashes."""
    return f"{job.recipe.name.replace('_', '-')}-{what}"
