"""A run by hand in Prefect, whose server starts while Ray and the model do.

Prefect itself is imported when its server is there: it reads the server's address then.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipelines.execution.steps.stage_run import StageRun
from pipelines.flows.server import server
from pipelines.machine.waiting import Say
from pipelines.run.execute import StepRunner
from pipelines.run.job import Job
from stages.errors import RunError


@contextmanager
def prefect(job: Job, say: Say) -> Iterator[StepRunner]:
    """What runs the job's steps as a flow, for as long as the block lasts."""
    with server(say) as started:

        def run_steps(stage_runs: Sequence[StageRun]) -> None:
            started.ready()
            try:
                from pipelines.flows.steps import in_prefect
            except OSError as error:
                cause = f"Prefect cannot be loaded ({error})"
                remedy = "Set PREFECT_HOME to a folder that can be written to, or run with --local."
                raise RunError(cause, remedy) from None
            in_prefect(job)(stage_runs)

        yield run_steps
