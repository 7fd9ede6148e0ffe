"""A script for the scripted engine that takes its time."""

import time

from stages.ask import Reply, Request
from stages.engines.scripts import babble


def slow(request: Request) -> Reply:
    """What `babble` says, 0.2 seconds later."""
    time.sleep(0.2)
    return babble(request)
