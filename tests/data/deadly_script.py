"""Scripts that take their process with them, and one that is slow."""

import os
import signal
import sys
import time
from functools import cache
from pathlib import Path

from stages.ask import Chat
from stages.engines import scripts


def deadly(request):
    """One question kills whoever works on it."""
    prompt = request.ask.prompt
    if isinstance(prompt, Chat) and any("row 5 " in m.content for m in prompt.messages):
        os.kill(os.getpid(), signal.SIGKILL)
    return scripts.babble(request)


def slow(request):
    """A tenth of a second each. Says by a file's name on which node of a cluster it is."""
    node = _node()
    if node and "DEADLY_MARKS" in os.environ:
        Path(os.environ["DEADLY_MARKS"], node).touch()
    time.sleep(0.1)
    return scripts.babble(request)


@cache
def _node():
    ray = sys.modules.get("ray")
    return ray.get_runtime_context().get_node_id() if ray and ray.is_initialized() else ""
