"""Where `make chaos` collects what the tests found."""

import os
from pathlib import Path


def note(what, found):
    """A line of the report, if one is being written."""
    if "CHAOS_REPORT" in os.environ:
        with Path(os.environ["CHAOS_REPORT"]).open("a") as report:
            report.write(f"| {what} | {found} |\n")
