"""A process that answers one question after another, and is killed when one takes too long.

Simplifying 10^(10^10) takes forever, and libraries' own time limits work by signals, in the main
thread alone. The next question gets a new process. Waiting for one's turn does not count.
"""

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

_START_S = 120.0
"""What imports may take, on a busy machine."""
_READY = "ready"


class Child:
    """Runs `python -m module`, which calls `serve`; begun when it is first asked.

    `wrapped`: what a sandbox makes of a command; `environment`: variables beside the path.
    """

    def __init__(
        self,
        module: str,
        wrapped: Callable[[Sequence[str]], Sequence[str]] = list,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._module, self._wrapped = module, wrapped
        self._environment = {"PYTHONPATH": os.pathsep.join(sys.path), **(environment or {})}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: Any, seconds: float) -> Any:
        """What the module says of `question`, both JSON; None if it fails or its time is up.

        Raises:
            RuntimeError: the process does not start.
        """
        with self._lock:
            process = self._begun()
            try:
                said = self._answer(process, question, seconds)
            except BaseException:
                self._end(process)  # interrupted: its answer would be taken for the next one's
                raise
            if said is None:
                self._end(process)
        return None if said is None else json.loads(said)

    def _answer(
        self, process: subprocess.Popen[bytes], question: Any, seconds: float
    ) -> bytes | None:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: there is no line to read either
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
        return _line(process, seconds)

    def _begun(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            # -P: no module of the folder that we happen to be in.
            command = self._wrapped([sys.executable, "-P", "-m", self._module])
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
                env=self._environment,
            )  # fmt: skip
            said = _line(self._process, _START_S)
            if said is None or json.loads(said) != _READY:
                self._end(self._process)
                raise RuntimeError(f"`python -m {self._module}` did not start")
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.communicate()
        self._process = None


def _line(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """A line it writes, within `seconds`; None if there is none."""
    assert process.stdout is not None
    until, said = time.monotonic() + seconds, b""
    with selectors.DefaultSelector() as there:
        there.register(process.stdout, selectors.EVENT_READ)
        while not said.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not there.select(left):
                return None
            part = os.read(process.stdout.fileno(), 65536)
            if not part:
                return None
            said += part
    return said


def serve(module: Callable[[], Callable[[Any], Any]]) -> None:
    """Answer each line of stdin by one of stdout, until there are no more; a failure is null.

    `module` imports what is needed and gives the function that answers. What a library prints goes
    to stderr; the process ends with the one that began it.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    answer = module()
    out.write(json.dumps(_READY) + "\n")
    out.flush()
    for line in sys.stdin:
        said = "null"
        with suppress(Exception):  # whatever a library raises of what a model wrote
            said = json.dumps(answer(json.loads(line)))
        out.write(said + "\n")
        out.flush()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
