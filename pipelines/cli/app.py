"""The program: every command, and what becomes of an error."""

import gc
import signal
import sys

from pipelines.cli import judging, output, recipes, results, upkeep
from pipelines.cli.options import app
from pipelines.cli.without_pandas import without_pandas
from stages.errors import BowerbirdError, BusyError, EngineError, RunError, UserError

# Naming the modules adds their commands, in this order.
__all__ = ["app", "judging", "main", "recipes", "results", "upkeep"]


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 it failed, 2 the request was wrong, 75 come back later."""
    # Collections go through all that was imported, and find little: 4,000 rows without latency take
    # 3.6 s so, and 4.0 s with Python's own thresholds. These are mypy's.
    gc.set_threshold(200_000, 30, 30)
    # A scheduler's SIGTERM ends a run as Ctrl-C does: engines are stopped, the record is closed.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    without_pandas()
    try:
        app(standalone_mode=True)
    except BusyError as error:
        sys.exit(output.fail(error, 75))
    except UserError as error:
        sys.exit(output.fail(error, 2))
    except (BowerbirdError, EngineError) as error:
        sys.exit(output.fail(error, 1))
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has enough.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        place = f" at {error.filename}" if error.filename else ""
        cause = f"the machine refused{place}: {error.strerror or error}"
        remedy = "Make room or give the rights, then run again: what is committed is kept."
        sys.exit(output.fail(RunError(cause, remedy), 1))
