"""A server that the engine starts itself, waits for, and stops with the run."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from stages.engines.http import http_call
from stages.errors import EngineError

_POLL_S = 0.2
_STOP_S = 25.0
_ROOT = Path(__file__).parents[3]
PORT = "{port}"
"""Stands in a command and its address for a port that is free when the server is started."""


class Server:
    """Runs `command` and waits until `url` answers GET `url`/models.

    Raises:
        EngineError: it ended, or did not answer within `patience_s` seconds; with the last
            errors in its log.
    """

    def __init__(self, command: Sequence[str], url: str, patience_s: float) -> None:
        port = str(_free_port())
        self.url = url.replace(PORT, port)
        if _answers(self.url):
            cause = f"something answers at {self.url} before the server is started"
            raise EngineError(f"{cause}; write {PORT} in `command` and `base_url`", fatal=True)
        self._log = tempfile.TemporaryFile(prefix="bowerbird-server-")  # noqa: SIM115
        line = [part.replace(PORT, port) for part in command]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stages.engines.process.die_with_parent", *line],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env=os.environ | {"PYTHONPATH": _with_root(os.environ.get("PYTHONPATH", ""))},
            start_new_session=True,
        )
        try:
            self._wait(time.monotonic() + patience_s, patience_s)
        except BaseException:
            self.stop()
            raise

    def _wait(self, end: float, patience_s: float) -> None:
        while not _answers(self.url):
            if self._process.poll() is not None:
                code = self._process.returncode
                raise EngineError(f"the server ended with code {code} ({self.last()})", fatal=True)
            if time.monotonic() > end:
                cause = f"the server does not answer at {self.url} after {patience_s:g} s"
                raise EngineError(f"{cause} ({self.last()})", fatal=True)
            time.sleep(_POLL_S)

    @property
    def ended(self) -> bool:
        """Whether its process is gone."""
        return self._process.poll() is not None

    def last(self) -> str:
        """The last error in its log and what follows, or its last lines, in one line."""
        with Path(f"/dev/fd/{self._log.fileno()}").open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - 65536))
            lines = log.read().decode("utf-8", "replace").splitlines()
        said = [" ".join(line.split()) for line in lines if line.strip()]
        errors = [i for i, line in enumerate(said) if re.search(r"(Error|Exception): ", line)]
        end = said[errors[-1] :][:3] if errors else said[-3:]
        return " | ".join(end)[:600] or "its log is empty"

    def stop(self) -> None:
        """End it and all that it started."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _with_root(path: str) -> str:
    return os.pathsep.join(filter(None, [str(_ROOT), path]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        status = http_call.status(url, {}, 5.0)
    except ConnectionError:
        return False
    return status < 300 or status in (401, 403)  # it is there, and wants a key
