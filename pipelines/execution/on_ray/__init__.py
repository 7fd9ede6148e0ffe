"""Work on Ray: engines are actors that are loaded once, and so are the processes that work."""

import os

# No usage report leaves the machine, and workers run at normal priority: at Ray's niceness of 15
# the model would yield to everything else.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_worker_niceness", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

from pipelines.execution.on_ray.executor import RayExecutor

__all__ = ["RayExecutor"]
