"""Run a command that ends with the process that holds this one's standard input.

    python -m stages.engines.process.die_with_parent COMMAND…

The pipe closes however its holder ends, kill -9 included; the command's whole process group is
then asked to end, and ten seconds later made to.
"""

import os
import signal
import subprocess
import sys
import threading

_PATIENCE_S = 10.0


def _end(group: int, done: threading.Event) -> None:
    os.read(0, 1)
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        if done.wait(_PATIENCE_S):
            return


def main() -> int:
    """Exit as the command does."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    done = threading.Event()
    threading.Thread(target=_end, args=(child.pid, done), daemon=True).start()
    # All processes of a run may be signalled at its end; the pipe says when to end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    code = child.wait()
    done.set()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
