"""What Prefect shows of a run beside its steps: the yield as a table, the report as a link.

They are shown, not kept: a server that cannot take them costs the run nothing but a line in the
log.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_link_artifact, create_table_artifact

from pipelines.run.job import Job
from pipelines.store.log import log
from stages.errors import first_line


def rows(job: Job) -> None:
    """A table: what came in, went on, was dropped and failed at each step, and why."""
    lines = []
    for step in job.steps:
        found = log.read(job.store.stage(step.folder))
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
    """A link to the report; of a store on a disk, browsers open it only from that machine."""
    place = job.store.run(job.run.id).uri("report.html")
    link = place if "://" in place else Path(place).resolve().as_uri()
    with _if_possible():
        create_link_artifact(
            link, link_text=place, key=_key(job, "report"), description=_about(job)
        )


@contextmanager
def _if_possible() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        get_run_logger().warning("Prefect did not take an artifact: %s", first_line(error))


def _about(job: Job) -> str:
    fired = f", due {job.run.scheduled}" if job.run.scheduled else ""
    return f"Run {job.run.id}, seed {job.run.seed}{fired}, in {job.store.root.uri()}"


def _key(job: Job, what: str) -> str:
    """Prefect's keys know lower case, digits and dashes."""
    return f"{job.recipe.name.replace('_', '-')}-{what}"
