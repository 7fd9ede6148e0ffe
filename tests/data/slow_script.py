"""A script for the scripted engine that takes its time."""

import os
import time
from pathlib import Path

from stages.ask import Reply, Request
from stages.engines.scripts import babble


def slow(request: Request) -> Reply:
    """What `babble` says, 0.2 seconds later; at once if BOWERBIRD_TEST_WELL names a file."""
    well = os.environ.get("BOWERBIRD_TEST_WELL", "")
    if not well or not Path(well).exists():
        time.sleep(0.2)
    return babble(request)
