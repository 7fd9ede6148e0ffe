"""The chaos tests at the sizes of a release; the result as a page.

    python -m benchmarks.chaos [--kills 3072] [--full 100] [--mutations 20000] [--power 5000]

Runs `tests/chaos` and the state machine of the store, and writes benchmarks/results/chaos.md: what
was done, how often, and what came of it.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import RESULTS, page

ROOT = Path(__file__).parents[1]
STORE = "tests/pipelines/store"
TESTS = ["tests/chaos", f"{STORE}/test_machine.py", f"{STORE}/test_protocol.py"]


def main() -> None:
    """Run the tests and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = {"kills": 3072, "full": 100, "mutations": 20_000, "power": 5_000, "machine": 2_000}
    for name, size in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    given = vars(parser.parse_args())
    RESULTS.mkdir(exist_ok=True)
    lines = RESULTS / "chaos.part"
    lines.unlink(missing_ok=True)
    environment = {f"CHAOS_{name.upper()}": str(size) for name, size in given.items()}
    environment["CHAOS_REPORT"] = str(lines)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", *TESTS], cwd=ROOT, check=False,
        env=os.environ | environment, capture_output=True, text=True,
    )  # fmt: skip
    minutes = (time.monotonic() - began) / 60
    found = sorted(lines.read_text().splitlines(True)) if lines.exists() else []
    table = f"| what | found |\n|---|---|\n{''.join(found)}"
    lines.unlink(missing_ok=True)
    said = f"{minutes:.0f} minutes; `make chaos`. {done.stdout.splitlines()[-1]}.\n\n"
    print(done.stdout, page("chaos", "Chaos", said + table).read_text())
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
