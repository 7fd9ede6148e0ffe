"""What a result was measured on, and the page it is kept on."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path(__file__).parent / "results"


def described() -> str:
    """Cores, memory, processor and system, in a line."""
    memory = psutil.virtual_memory().total / 2**30
    facts = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in facts.splitlines() if "model name" in line]
    name = names[0] if names else platform.processor()
    python = platform.python_version()
    return (
        f"{os.cpu_count()} cores ({name}), {memory:.0f} GiB, {platform.system()}, Python {python}"
    )


def page(name: str, title: str, body: str) -> Path:
    """Write `results/<name>.md`: what, when, on what, and the figures."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.md"
    path.write_text(f"# {title}, {datetime.now(UTC):%Y-%m-%d}\n\n{described()}.\n\n{body}")
    return path
