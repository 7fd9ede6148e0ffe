"""The command line: parses, calls, prints. Machine output to standard output, the rest to stderr."""

from pipelines.cli.app import main

__all__ = ["main"]
