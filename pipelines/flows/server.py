"""The Prefect server that schedules: the one that is configured, or one for as long as needed.

Prefect's ephemeral server creates no scheduled runs and shows no pages, so this is a real one,
on loopback. Prefect is not imported here: it reads the server's address when it is.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from stages.errors import RunError

_PORT = 4200
_PATIENCE_S = 120


@contextmanager
def server() -> Iterator[None]:
    """`PREFECT_API_URL` leads to a server; one that was started here ends with the block.

    Raises:
        RunError: no server comes up.
    """
    url = os.environ.get("PREFECT_API_URL") or _configured()
    if url:
        os.environ["PREFECT_API_URL"] = url
        yield
        return
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    # In a session of its own: Ctrl-C ends it last, when the schedule has been paused.
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait(process, url)
        os.environ["PREFECT_API_URL"] = url
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _configured() -> str:
    """The URL of the user's Prefect profile."""
    asked = "from prefect.settings import PREFECT_API_URL; print(PREFECT_API_URL.value() or '')"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=False
    )
    return (done.stdout.strip().splitlines() or [""])[-1]


def _free_port() -> int:
    """Prefect's usual port, or any that is free."""
    for port in (_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RunError("no port on 127.0.0.1 is free")


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    for _ in range(_PATIENCE_S * 5):
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.HTTPError:
            pass  # not up yet
        time.sleep(0.2)
    remedy = "See why with `prefect server start`, or set PREFECT_API_URL to one that runs."
    raise RunError("the Prefect server did not start", remedy)
