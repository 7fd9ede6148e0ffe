"""A real Ray cluster of several nodes on this machine, that listens on 127.0.0.1 alone.

    python tests/support/loopback_ray.py start --head …   is `ray start --head …` on loopback

Ray itself takes the machine's own address in place of 127.0.0.1 wherever it finds one.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Drivers of this process find it on loopback too; Ray reads this when it is imported.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 5000,
    "health_check_failure_threshold": 3,
}
"""A dead node is noticed in 1.5 s rather than in 13; one that is only slow has time to answer."""


class Cluster:
    """Nodes by name, each in a process group of its own; close it when its drivers are gone."""

    def __init__(self):
        self._folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._nodes = {}
        head = ["--head", f"--port={self.port}", "--include-dashboard=false"]
        head += [f"--temp-dir={self._folder}", f"--system-config={json.dumps(QUICK)}"]
        self.add("head", *head)

    def add(self, name, *options):
        """Start a node and wait until it is there."""
        options = options or (f"--address={self.address}", "--include-log-monitor=false")
        # Ray gives a node 30 s to start; beside other tests it may need more than once.
        for _ in range(5):
            if self._start(name, options):
                return
        raise AssertionError((Path(self._folder) / f"{name}.log").read_text())

    def _start(self, name, options):
        """Whether it is there; one that Ray gave up is to be started again."""
        log = Path(self._folder) / f"{name}.log"
        with log.open("wb") as out:
            self._nodes[name] = subprocess.Popen(
                [sys.executable, __file__, "start", "--block", "--node-ip-address=127.0.0.1",
                 "--num-cpus=2", "--num-gpus=0", "--disable-usage-stats",
                 "--object-store-memory=100000000", "--dashboard-agent-listen-port=0", *options],
                stdout=out, stderr=subprocess.STDOUT, start_new_session=True, cwd=ROOT,
                env={k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
                | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0",
                   "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "PYTHONPATH": str(ROOT),
                   "LOOPBACK_NODE": name},
            )  # fmt: skip
        for _ in range(1200):
            if "block forever" in log.read_text():
                return True
            if self._nodes[name].poll() is not None:
                assert "timed out during startup" in log.read_text(), log.read_text()
                with contextlib.suppress(ProcessLookupError):
                    self.kill(name)
                return False
            time.sleep(0.1)
        raise AssertionError(log.read_text())

    def kill(self, name):
        """End a node at once, as a machine that is switched off."""
        node = self._nodes.pop(name)
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()

    def close(self):
        """End all nodes."""
        for name in [*reversed(list(self._nodes))]:
            with contextlib.suppress(ProcessLookupError):
                self.kill(name)


if __name__ == "__main__":
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    from ray._private import ray_constants, services
    from ray.scripts.scripts import main

    ray_constants.ENABLE_RAY_CLUSTER = True
    services.get_node_ip_address = lambda address=None: "127.0.0.1"
    main()
