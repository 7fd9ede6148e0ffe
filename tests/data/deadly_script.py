"""Scripts that take their process with them, and one that is slow."""

import itertools
import os
import signal
import time
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
    """A hundredth of a second each; see `_at_work` for a cluster."""
    if "DEADLY_MARKS" in os.environ:
        _at_work(Path(os.environ["DEADLY_MARKS"]) / "stuck", os.environ.get("LOOPBACK_NODE"))
    time.sleep(0.01)
    return scripts.babble(request)


def _at_work(stuck, node):
    """The node `other` answers three calls and then waits to be killed; `head` waits for that."""
    if node == "other" and next(_calls) == 3:
        stuck.touch()
        time.sleep(120)
    for _ in range(1200 if node == "head" else 0):
        if stuck.exists():
            return
        time.sleep(0.1)


_calls = itertools.count()
