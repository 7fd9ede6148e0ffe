"""The Ray cluster of a run: the one that is named, or one on this machine."""

import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import ray

from stages.errors import UserError, first_line

_STARTS = 5


def start_cluster(address: str | None = None) -> None:
    """Connect to a cluster, or start one on this machine that listens to it alone."""
    if ray.is_initialized():
        return
    # Workers import the same code as this process, wherever it was started.
    root = str(Path(__file__).parents[3])
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    address = address or os.environ.get("RAY_ADDRESS")
    if address:
        _check_address(address)
        settings |= {"address": address}
        settings |= {"runtime_env": {"env_vars": {"PYTHONPATH": root}}}
    else:
        settings |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        # Inherited, because a runtime environment costs seconds per worker: none that Ray has
        # started beforehand fits it (3.5 s against 0.15 s to the first task).
        inherited = os.environ.get("PYTHONPATH", "")
        if root not in inherited.split(os.pathsep):
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, inherited]))
    before = signal.getsignal(signal.SIGTERM)
    _init(settings)
    if threading.current_thread() is threading.main_thread():
        # Ray ends the process on SIGTERM; a run wants to close its record first.
        signal.signal(signal.SIGTERM, before)


def _init(settings: dict[str, Any]) -> None:
    """Ray itself gives a node 30 s to start, which a busy machine may need more than once."""
    for attempt in range(1, _STARTS + 1):
        try:
            ray.init(**settings)
            return
        except Exception as error:  # noqa: BLE001
            # Ray raises plain exceptions too: a node that timed out, a store that found no room.
            ray.shutdown()
            if attempt < _STARTS and "timed out during startup" in str(error):
                continue
            cause = f"Ray does not start ({first_line(error)})"
            remedy = "Check --ray-address, and room in /tmp and /dev/shm; --local goes without Ray."
            raise UserError(cause, remedy) from None


def _check_address(address: str) -> None:
    """Ray tries for minutes to reach a cluster that is not there."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        return  # "auto", or a client's address
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        cause = f"no Ray cluster answers at {address} ({error.strerror or error})"
        raise UserError(cause, "Check --ray-address or RAY_ADDRESS.") from None
