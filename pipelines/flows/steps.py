"""A run inside a Prefect flow: a task per step, then its yield and its report as artifacts.

Steps run side by side, so a shard goes on to the next step as soon as it is committed.
"""

import sys
from collections.abc import Sequence
from typing import Any

from prefect import Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from pipelines.execution.steps.shard_stream import UpstreamError
from pipelines.execution.steps.stage_run import StageRun
from pipelines.flows import show
from pipelines.run.execute import StepRunner
from pipelines.run.job import Job
from stages.errors import BowerbirdError, RunError, first_line


def threads() -> TaskRunner[Any]:
    """A thread per step: each waits for the one before, so none may wait for a thread."""
    return ThreadPoolTaskRunner(max_workers=sys.maxsize)


def in_prefect(job: Job) -> StepRunner:
    """Runs the steps as tasks of a flow of their own.

    Raises:
        RunError: Prefect failed; what was committed stays.
    """

    def run_steps(stage_runs: Sequence[StageRun]) -> None:
        errors: list[BaseException] = []

        # By hand nothing is tried again: the one who started the run sees why it stopped.
        @flow(
            name="bowerbird",
            flow_run_name=job.run.id,
            task_runner=threads(),
            retries=0,
            validate_parameters=False,
            persist_result=False,
        )
        def run() -> None:
            try:
                in_this_flow(job)(stage_runs)
            except Exception as error:
                errors.append(error)
                raise

        try:
            run()
        except BowerbirdError:
            raise
        except Exception as error:
            if errors and errors[0] is error:
                raise  # a bug of a stage, with its traceback
            cause = f"Prefect failed ({type(error).__name__}: {first_line(error)})"
            remedy = "Run again: what is committed is kept. --local goes without Prefect."
            raise RunError(cause, remedy) from None

    return run_steps


def in_this_flow(job: Job) -> StepRunner:
    """Runs the steps as tasks of the flow that is running, and shows there what came of them."""

    def run_steps(stage_runs: Sequence[StageRun]) -> None:
        try:
            _run_steps(stage_runs)
        except Exception:
            show.rows(job)
            raise
        show.rows(job)
        show.report(job)

    return run_steps


def _run_steps(stage_runs: Sequence[StageRun]) -> None:
    """Start a task per step and wait for all.

    Raises:
        Exception: what broke the first step that broke.
    """
    errors: list[BaseException] = []
    futures = _submit(stage_runs, errors)
    try:
        for future in futures:
            future.wait()
    except BaseException:
        # Ctrl-C, or Prefect's signal that the run was cancelled. The steps' threads know of
        # neither, and Prefect waits for them.
        stage_runs[0].given.stop.set()
        raise
    if errors:
        raise errors[0]


def _submit(
    stage_runs: Sequence[StageRun], errors: list[BaseException]
) -> "list[PrefectFuture[State[None]]]":
    return [_task(stage_run, errors).submit() for stage_run in stage_runs]


def _task(stage_run: StageRun, errors: list[BaseException]) -> "Task[[], State[None]]":
    @task(
        name=stage_run.step.name,
        task_run_name=stage_run.step.name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=0,
    )
    def step() -> "State[None]":
        try:
            done = stage_run.run()
        except UpstreamError:
            return Cancelled(message="another step broke off")
        except BowerbirdError as error:
            errors.append(error)
            return Failed(message=str(error))  # a cause and a remedy, no traceback in the log
        except BaseException as error:
            errors.append(error)
            raise
        counts = done.counts
        return Completed(message=f"{counts.input} rows in, {counts.output} out")

    return step
