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
    """A tenth of a second each. On a cluster, once two nodes are at work; a byte for each call."""
    node = _node()
    if node and "DEADLY_MARKS" in os.environ:
        marks = Path(os.environ["DEADLY_MARKS"])
        with (marks / node).open("ab") as mark:
            mark.write(b".")
        _two_at_work(marks)
    time.sleep(0.1)
    return scripts.babble(request)


@cache
def _two_at_work(marks):
    """However late the second engine is there, the first leaves work for it."""
    for _ in range(1200):
        if len(list(marks.iterdir())) >= 2:
            return
        time.sleep(0.05)


@cache
def _node():
    ray = sys.modules.get("ray")
    return ray.get_runtime_context().get_node_id() if ray and ray.is_initialized() else ""
