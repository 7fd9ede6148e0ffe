"""The command line: parses, calls, prints.

What machines read goes to standard output, everything else to standard error.
"""

from pipelines.cli.app import main

__all__ = ["main"]
