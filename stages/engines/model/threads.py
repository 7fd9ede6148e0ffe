"""How many threads a model on a CPU computes with."""

import os


def model_threads() -> int:
    """All cores but one, which is left to what feeds the model.

    OpenMP's threads wait for each other by spinning, so one that shares its core stops all. On two
    cores beside two busy processes the packaged model wrote 24 tokens a second with two threads and
    84 with one, alone 120 and 86; in a whole run vLLM's scheduler, Ray and Prefect are always
    there, and the demo took 3:46 with one thread instead of 5:01.
    """
    return max(1, (os.cpu_count() or 1) - 1)
