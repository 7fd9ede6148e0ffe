"""The processes that a test has started, itself or through others."""

import psutil


def running(word):
    """Those with `word` among or in their arguments."""
    return [each for each in psutil.Process().children(recursive=True) if word in _line(each)]


def _line(process):
    try:
        return " ".join(process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return ""  # it has ended
