"""A script for the scripted engine that refuses everything."""

from stages.ask import Reply, Request
from stages.errors import EngineError


def refuse(request: Request) -> Reply:
    """Raise."""
    raise EngineError("no")
