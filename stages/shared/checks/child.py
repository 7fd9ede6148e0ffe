"""A process that answers one question after another, and is killed when one takes too long.

Simplifying 10^(10^10) takes for ever, and libraries' own time limits work by signals, in the main
thread alone. The next question gets a new process. Waiting for one's turn does not count.
"""

import json
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_START_S = 60.0
"""What imports may take, on a busy machine."""


class Child:
    """Runs `python -m module`, which calls `serve`; begun when it is first asked."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, question: Any, seconds: float) -> Any:
        """What the module says of `question`, both JSON; None if it fails or its time is up.

        Raises:
            RuntimeError: the process does not start.
        """
        with self._lock:
            process = self._begun()
            assert process.stdin is not None
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            said = self._line(process, seconds)
        return json.loads(said) if said else None

    def _begun(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            command, pipe = [sys.executable, "-m", self._module], subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
            if not self._line(self._process, _START_S):
                raise RuntimeError(f"`python -m {self._module}` did not start")
        return self._process

    def _line(self, process: subprocess.Popen[str], seconds: float) -> str:
        """A line it writes; empty if it ends or its time is up: then it is no more."""
        assert process.stdout is not None
        there, _, _ = select.select([process.stdout], [], [], seconds)
        line = process.stdout.readline() if there else ""
        if not line:
            process.kill()
            process.communicate()
            self._process = None
        return line


def serve(answer: Callable[[Any], Any]) -> None:
    """Answer each line of stdin by one of stdout, until there are no more; a failure is null."""
    out, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    out.write('"ready"\n')
    out.flush()
    for line in sys.stdin:
        said = "null"
        with suppress(Exception):  # whatever a library raises of what a model wrote
            said = json.dumps(answer(json.loads(line)))
        out.write(said + "\n")
        out.flush()
