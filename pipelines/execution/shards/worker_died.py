"""What can be lost on the way, and who deals with it."""

from stages.errors import RunError


class WorkerDied(Exception):
    """The process that did the work, or the engine it asked, died; it may be tried again.

    Its step tries again, then row by row (`quarantine.py`).
    """


class EngineLost(RunError):
    """An engine answers no more and was not brought back; another replica may go on."""

    engine = ""
    """Which of the stage's engines."""
