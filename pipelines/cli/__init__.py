"""The command line: parses, calls, prints.

What machines read goes to standard output, everything else to standard error.
"""

from pipelines.cli.app import main
from pipelines.cli.upkeep import gc, repair, verify

# Naming the commands loads them, which adds them to the program.
__all__ = ["gc", "main", "repair", "verify"]
