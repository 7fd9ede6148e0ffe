"""Scripts that take their process with them, and one that is slow."""

import os
import signal
import time

from stages.ask import Chat
from stages.engines import scripts


def deadly(request):
    """One question kills whoever works on it."""
    prompt = request.ask.prompt
    if isinstance(prompt, Chat) and any("row 5 " in m.content for m in prompt.messages):
        os.kill(os.getpid(), signal.SIGKILL)
    return scripts.babble(request)


def slow(request):
    """A tenth of a second each."""
    time.sleep(0.1)
    return scripts.babble(request)
