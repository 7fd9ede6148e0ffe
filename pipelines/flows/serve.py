"""Serve a recipe's schedule: a deployment, and a process that runs what is due."""

import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psutil
from prefect.runner import Runner
from prefect.server.schemas.schedules import CronSchedule
from prefect.types.entrypoint import EntrypointType
from pydantic import ValidationError

from pipelines.flows.firing import SERVED, firing
from pipelines.recipe.parse import load
from stages.errors import UserError

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment


def serve(
    recipe: Path,
    cron: str,
    overrides: Sequence[str],
    store: str,
    *,
    local: bool,
    say: Callable[[str], None],
) -> None:
    """Fire the recipe at the times of `cron` (in UTC) until the process is told to end.

    Runs wait for each other; one that is under way when the process ends is stopped, and the
    schedule is paused.

    Raises:
        UserError: no cron expression, or no recipe.
    """
    first = _next(cron)
    name = load(recipe, overrides).name
    parameters = {
        "recipe": str(recipe.resolve()),
        "store": store if "://" in store else str(Path(store).resolve()),
        "overrides": list(overrides),
        "local": local,
    }
    # The processes of runs inherit it: what the server says they are to run must be this.
    os.environ[SERVED] = json.dumps(parameters)
    deployment = firing.to_deployment(
        name,
        cron=cron,
        parameters=parameters,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    # It logs an error for a run that ended before it could be killed, which is what we want.
    logging.getLogger("prefect.runner.process_manager").setLevel(logging.CRITICAL)
    runner = _Runner(name=name, limit=1, pause_on_shutdown=True)
    runner.add_deployment(cast("RunnerDeployment", deployment))
    say(f"Prefect's pages: {os.environ['PREFECT_API_URL'].removesuffix('/api')}")
    say(f"serving bowerbird/{name}; next at {first:%Y-%m-%d %H:%M} UTC; Ctrl-C ends it")
    try:
        asyncio.run(runner.start())
    except KeyboardInterrupt:
        say("no longer serving; the schedule is paused")


class _Runner(Runner):
    def handle_sigterm(self, *args: object, **kwargs: object) -> None:
        """End as on Ctrl-C, which a terminal sends to the run under way too.

        Prefect 3.7's own handler leaves the run running and the schedule on.
        """
        for child in psutil.Process().children():
            if os.getsid(child.pid) == os.getsid(0):  # not the server: it ends last
                child.terminate()
        signal.raise_signal(signal.SIGINT)


def _next(cron: str) -> datetime:
    """When the schedule fires next."""
    remedy = 'Give minute, hour, day, month and weekday, as in "0 3 * * *" for 03:00 UTC.'
    try:
        times = asyncio.run(CronSchedule(cron=cron).get_dates(1))
    except ValidationError:
        raise UserError(f"'{cron}' is no cron expression", remedy) from None
    except ValueError:
        raise UserError(f"'{cron}' never comes", remedy) from None
    return times[0]
