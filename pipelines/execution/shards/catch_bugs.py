"""The one place that catches everything: a bug in a stage costs its row, not the run."""

import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prompts import NullHole
from stages.base import Failed
from stages.errors import ReplyError, RunError, UserError

Given = ParamSpec("Given")
Result = TypeVar("Result")


def catch_bugs(
    call: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
) -> Result | Failed:
    """What `call` returns, or `Failed` with the traceback of what it raised.

    Raises:
        ReplyError, RunError, UserError: these have readers of their own.
    """
    try:
        return call(*args, **kwargs)
    except (ReplyError, RunError, UserError):
        raise
    except NullHole as error:
        return Failed("prompt.null", str(error))
    except Exception as bug:  # noqa: BLE001  the row keeps the traceback, and is counted
        return Failed(f"bug.{type(bug).__name__}", traceback.format_exc(limit=-4))
