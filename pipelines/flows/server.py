"""The Prefect server of a run or a schedule: the one that is configured, or one of our own.

Ours is a real one, on loopback: Prefect's ephemeral server creates no scheduled runs, shows no
pages, and is given up after 20 s, which a busy disk takes. Who can reach its API can start what
it schedules, so it wants a password of its own, takes no requests from other sites' pages
(origins, CSRF tokens), and ends with the process that started it, however that ends. Prefect is
not imported here: it reads all this when it is.
"""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from pipelines.machine.waiting import Say, waiting_for
from stages.errors import RunError

_PORT = 4200
_PATIENCE_S = 900
_STARTS = 3
_ROOT = Path(__file__).parents[2]
_AROUND = "`prefect server start` says more; a run goes without Prefect by --local."


class Server:
    """Begins to start at once; `ready` waits for it."""

    def __init__(self, say: Say, *, scheduling: bool) -> None:
        self._say = say
        # What goes to this machine goes by no proxy: neither ours nor Prefect's own requests.
        for name in ("NO_PROXY", "no_proxy"):
            there = filter(None, [os.environ.get(name, ""), "127.0.0.1", "localhost"])
            os.environ[name] = ",".join(there)
        self._process: subprocess.Popen[bytes] | None = None
        self.password = ""
        """Of the user `bowerbird`; empty where the server is not ours."""
        self._url = os.environ.get("PREFECT_API_URL") or _configured()
        if self._url:
            return
        # A schedule's pages are wanted where one looks for them; runs may be many at a time.
        self._scheduling = scheduling
        self._process = self._start(_PORT if scheduling else 0)

    def _start(self, wanted: int) -> "subprocess.Popen[bytes]":
        """Start one of our own on the port that is wanted, or on any."""
        port = _free_port(wanted)
        self.password = secrets.token_urlsafe(24)
        self._url = f"http://127.0.0.1:{port}/api"
        prefect = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        prefect += [] if self._scheduling else ["--no-ui"]
        self._log = tempfile.TemporaryFile(prefix="bowerbird-prefect-")  # noqa: SIM115
        # In a session of its own: Ctrl-C ends it last, when the schedule has been paused.
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "stages.engines.process.die_with_parent",
                sys.executable,
                "-m",
                *prefect,
            ],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env=self._environment(port),
            start_new_session=True,
        )

    def _environment(self, port: int) -> dict[str, str]:
        path = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
        return os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "PREFECT_SERVER_API_AUTH_STRING": f"bowerbird:{self.password}",
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # Into its own file, which says why if it ends.
            "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
            "DO_NOT_TRACK": "1",
        }

    def ready(self) -> None:
        """Wait until the server answers; `PREFECT_API_URL` leads to it from then on.

        Raises:
            RunError: it does not.
        """
        with waiting_for("Prefect's server", self._say):
            if self._process is None:
                self._reach()
            else:
                self._own()
                os.environ["PREFECT_API_AUTH_STRING"] = f"bowerbird:{self.password}"
        os.environ["PREFECT_API_URL"] = self._url

    def _reach(self) -> None:
        why = ""
        for _ in range(3):
            try:
                httpx.get(f"{self._url}/health", timeout=20)
            except httpx.HTTPError as error:
                why = str(error) or type(error).__name__
                time.sleep(1)
            else:
                return
        remedy = "Check PREFECT_API_URL and Prefect's profile; a run goes without by --local."
        raise RunError(f"no Prefect server answers at {self._url} ({why})", remedy)

    def _own(self) -> None:
        """Wait for the one that was started; for another, elsewhere, if its port was taken."""
        for _ in range(_STARTS):
            if self._is_up():
                return
            taken = self._url
            self.stop()
            self._process = self._start(0)
        cause = f"another process answers at {taken} before Prefect's server does"
        raise RunError(cause, "Look at what takes the ports; a run goes without by --local.")

    def _is_up(self) -> bool:
        """Wait until something has the port and answers, and say whether it is ours."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            with suppress(httpx.HTTPError):  # not up yet
                if httpx.get(f"{self._url}/health", timeout=5, trust_env=False).is_success:
                    return self._is_ours()
            if self._process is None or self._process.poll() is not None:
                port = urlsplit(self._url).port or 0
                if _free_port(port) != port:
                    return False
                raise RunError(f"Prefect's server ended as it started ({self._last()})", _AROUND)
            time.sleep(0.2)
        cause = f"Prefect's server does not answer after {_PATIENCE_S // 60} minutes"
        raise RunError(f"{cause} ({self._last()})", _AROUND)

    def _is_ours(self) -> bool:
        """Whether a process that we started has the port: the password goes to no other."""
        port = urlsplit(self._url).port
        process = self._process
        if process is None or process.poll() is not None:
            return False
        for each in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):
                for place in each.net_connections("tcp"):
                    if place.status == psutil.CONN_LISTEN and place.laddr.port == port:
                        return True
        return False

    def _last(self) -> str:
        """What it said last that is an error, or at all."""
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode("utf-8", "replace").splitlines()]
        errors = [line for line in lines if "Error" in line]
        return (errors or [line for line in lines if line] or ["it said nothing"])[-1][:300]

    def stop(self) -> None:
        """End it, if it is ours."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()


@contextmanager
def server(say: Say, *, scheduling: bool = False) -> Iterator[Server]:
    """A server that ends with the block."""
    made = Server(say, scheduling=scheduling)
    try:
        yield made
    finally:
        made.stop()


def _configured() -> str:
    """The URL of the user's Prefect profile."""
    asked = "from prefect.settings import PREFECT_API_URL; print(PREFECT_API_URL.value() or '')"
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    if not any((home / name).is_file() for name in ("profiles.toml", "prefect.toml")):
        return ""  # nothing is configured: what Prefect takes seconds to say
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=False
    )
    return (done.stdout.strip().splitlines() or [""])[-1]


def _free_port(wanted: int) -> int:
    """The port that is wanted, or any that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RunError("no port on 127.0.0.1 is free", "End what listens there, or run with --local.")
