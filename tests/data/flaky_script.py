"""A script for the scripted engine that refuses everything until a file exists."""

import os
from pathlib import Path

from stages.ask import Reply, Request
from stages.engines.scripts import babble
from stages.errors import EngineError


def flaky(request: Request) -> Reply:
    """What `babble` says, if the file that BOWERBIRD_TEST_WELL names is there."""
    if not Path(os.environ["BOWERBIRD_TEST_WELL"]).exists():
        raise EngineError("out of order")
    return babble(request)
