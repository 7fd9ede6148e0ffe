"""How many threads a model on a CPU computes with, and how they wait for each other."""

import os

_SPINS = 1000
"""How often a thread of OpenMP looks for the others before it sleeps.

On two cores, 32 sequences of the packaged model on two threads: 85 tokens a second, and 42 beside
a busy process; with the default, a few hundred times as often, 88 and 30; at once asleep 58 and 48.
"""


def model_threads() -> int:
    """All cores but one, which is left to what feeds the model, and both of two.

    On two cores the demo took 3:50 with two threads and 5:01 with one.
    """
    known = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return min(cores, max(2, cores - 1))


def openmp() -> dict[str, str]:
    """What OpenMP reads from the environment when a process begins to use it."""
    return {"OMP_NUM_THREADS": str(model_threads()), "GOMP_SPINCOUNT": str(_SPINS)}
