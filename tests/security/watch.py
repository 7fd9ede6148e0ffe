"""What a block of code does to the machine, seen by Python's audit hooks."""

import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

_EFFECTS = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
            "shutil.", "ctypes.")  # fmt: skip
_FILES = {"open", "os.remove", "os.rename", "os.link", "os.mkdir", "os.rmdir", "os.listdir",
          "os.scandir", "os.symlink", "os.truncate", "os.chmod"}  # fmt: skip
_heard = []
_listening = []
_thread = [0]


def _hook(event, arguments):
    if _listening and not _listening[-1]:
        return
    if (
        _listening
        and threading.get_ident() == _thread[0]
        and (event in _FILES or event.startswith(_EFFECTS))
    ):
        _listening[-1] = False  # what follows is ours
        _heard.append((event, arguments))
        _listening[-1] = True


sys.addaudithook(_hook)


@contextmanager
def effects():
    """A list of (event, path or arguments) of the block."""
    heard = []
    _heard.clear()
    _thread[:] = [threading.get_ident()]  # others have their own business
    _listening.append(True)
    try:
        yield heard
    finally:
        _listening.pop()
        heard += [(event, arguments[0] if arguments else None) for event, arguments in _heard]


def outside(heard, *roots):
    """Events that touch a file outside of these folders, or are no matter of files."""
    inside = [os.path.realpath(root) for root in roots]
    found = []
    for event, what in heard:
        if event not in _FILES:
            found.append((event, what))
        elif isinstance(what, str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(what))
            if not any(Path(path).is_relative_to(root) for root in inside):
                found.append((event, path))
    return found
