"""During the suite nothing is unpickled but what processes of one run send each other.

A pickle is a program. Those that Ray and multiprocessing pass between processes never lay on a
disk where somebody else could have put them.
"""

import sys

_TRANSPORTS = ("ray", "multiprocessing", "concurrent.futures", "vllm", "torch.multiprocessing")


def _hook(event, arguments):
    if event != "pickle.find_class":
        return
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith(_TRANSPORTS) and not name.startswith("ray.data"):
            return
        frame = frame.f_back
    raise RuntimeError(f"a pickle asks for {'.'.join(map(str, arguments))}")


def watch():
    """From now on, in this process."""
    sys.addaudithook(_hook)
