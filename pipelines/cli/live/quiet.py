"""Keep a live table whole: what libraries and processes print meanwhile goes to a file.

vLLM, Ray and their processes write to the file descriptors, past anything that Python could
intercept, and so into the middle of the table.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from pipelines.cli.output import console

_SHOWN = 12


@contextmanager
def quiet() -> Iterator[None]:
    """For the block, only the console writes to the terminal; after a failure the last lines do."""
    with tempfile.TemporaryFile(prefix="bowerbird-output-") as kept:
        sys.stdout.flush()
        sys.stderr.flush()
        before = [os.dup(number) for number in (1, 2)]
        with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as terminal:
            console.file = terminal
            for number in (1, 2):
                os.dup2(kept.fileno(), number)
            failed = False
            try:
                yield
            except Exception:
                failed = True
                raise
            finally:
                for number, saved in zip((1, 2), before, strict=True):
                    with suppress(OSError, ValueError):
                        (sys.stdout if number == 1 else sys.stderr).flush()
                    os.dup2(saved, number)
                    os.close(saved)
                console.file = sys.stderr
                if failed:
                    _show(kept)


def _show(kept: IO[bytes]) -> None:
    kept.seek(0)
    said = kept.read().decode("utf-8", "replace").replace("\r", "\n").splitlines()
    lines = [line for line in said if line.strip()][-_SHOWN:]
    if lines:
        console.print("[dim]printed meanwhile:[/]")
        for line in lines:
            console.print(f"  {line[:200]}", markup=False, soft_wrap=True)
