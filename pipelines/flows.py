"""Runs as Prefect flows: a flow per run, a task per step.

Prefect schedules and shows; it carries no rows and is never the truth. Steps run side by side,
so a shard goes on to the next step as soon as it is committed.
"""

import os
from collections.abc import Sequence
from typing import Any

# Prefect reads these when it is imported. What the user has set stays.
for _name, _value in {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_CLI_PROMPT": "false",
}.items():
    os.environ.setdefault(_name, _value)

from prefect import Task, flow, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.futures import PrefectFuture  # noqa: E402
from prefect.states import Cancelled, Completed  # noqa: E402
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner  # noqa: E402

from pipelines.execution.feed import Upstream  # noqa: E402
from pipelines.execution.stage_run import StageRun  # noqa: E402


def run_in_prefect(run_id: str, stage_runs: Sequence[StageRun]) -> None:
    """A `StepRunner` (with a run id bound): one flow run, a task run per step.

    Raises:
        Exception: what broke the first step that broke.
    """
    errors: list[BaseException] = []
    # A worker thread per step: each waits for the one before, so none may wait for a thread.
    threads: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=len(stage_runs))

    @flow(
        name=stage_runs[0].recipe.name,
        flow_run_name=run_id,
        task_runner=threads,
        validate_parameters=False,
        persist_result=False,
    )
    def run() -> None:
        futures = _submit(stage_runs, errors)
        try:
            for future in futures:
                future.wait()
        except KeyboardInterrupt:
            stage_runs[0].stop.set()
            raise
        if errors:
            raise errors[0]

    run()


def _submit(
    stage_runs: Sequence[StageRun], errors: list[BaseException]
) -> "list[PrefectFuture[State[None]]]":
    before = (None, *stage_runs)
    return [
        _task(stage_run, upstream, errors).submit()
        for stage_run, upstream in zip(stage_runs, before, strict=False)
    ]


def _task(
    stage_run: StageRun, upstream: StageRun | None, errors: list[BaseException]
) -> "Task[[], State[None]]":
    @task(
        name=stage_run.step.name,
        task_run_name=stage_run.step.name,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def step() -> "State[None]":
        try:
            done = stage_run.run(upstream.out if upstream else None)
        except Upstream:
            return Cancelled(message="another step broke off")
        except BaseException as error:
            errors.append(error)
            raise
        counts = done.counts
        return Completed(message=f"{counts.input} rows in, {counts.output} out")

    return step
