"""How many threads a model on a CPU computes with."""

import os

SPINS = 1000
"""How often a thread of OpenMP looks for the others before it sleeps (`GOMP_SPINCOUNT`).

On two cores, 32 sequences of the packaged model on two threads: 85 tokens a second, and 42 beside
a busy process; with the default, a few hundred times as often, 88 and 30; at once asleep 58 and 48.
"""


def model_threads() -> int:
    """All cores but one, which is left to what feeds the model, and both of two.

    On two cores the demo took 3:50 with two threads and 5:01 with one.
    """
    cores = os.cpu_count() or 1
    return min(cores, max(2, cores - 1))
