"""Run Python that a model wrote: no network, no files of the machine, little time and memory.

By bubblewrap (Debian's `bubblewrap`): the code sees the interpreter and an empty /tmp, and cannot
outlive the call, whatever it starts. It is killed for its wall-clock time; limits of the process
hold its processor time, memory, number of processes and size of files.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.errors import UserError

_MOST_OUTPUT = 64 * 1024
_MOST_PROCESSES = 64
_MOST_MEMORY = 8 << 30
_LAUNCH = """
import runpy, sys
sys.stderr.write("{begun}")
sys.stderr.flush()
runpy.run_path("/tmp/program.py", run_name="__main__")
sys.stderr.write("{end}")
"""
"""Marks that the code does not know say that it began, and that it reached its end."""
_ALLOW = "Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), or drop the stage."
_STRANGERS = 200_000
"""Where we are root, code runs as a user from here on who owns nothing, another one each time: the
kernel lets root have any number of processes, and counts a user's together."""
_LAST = 2_000
"""Characters of what an error says that are kept."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the code ran to its end, and if not the last lines of what it said."""

    passed: bool
    feedback: str = ""


def check_sandbox() -> None:
    """Refuse to begin without the sandbox.

    Raises:
        UserError: there is no bubblewrap.
    """
    if shutil.which("bwrap") is None:
        raise UserError(
            "there is no bwrap to run code in", "Install bubblewrap, or drop the stage."
        )


def run_python(code: str, seconds: float, mib: int) -> Outcome:
    """Run `code` as a program; it passes if its last line is reached without an error.

    Raises:
        UserError: there is no sandbox on this machine, or it does not start.
    """
    check_sandbox()
    begun, end = secrets.token_hex(8), secrets.token_hex(8)
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said")
        program = Path(folder, "program.py")
        program.write_text(code, "utf-8")
        Path(folder).chmod(0o755)
        with said.open("wb") as out:
            launch = _LAUNCH.format(begun=begun, end=end)
            command = [*_sandbox(program, seconds, mib), launch]
            ended = _run(command, out.fileno(), seconds)
        text = said.read_bytes().decode("utf-8", "replace")
    if ended == 0 and text.endswith(end):
        return Outcome(passed=True)
    if begun not in text and text.startswith("bwrap: "):
        raise UserError(f"the sandbox does not start ({text.strip()[:200]})", _ALLOW)
    if ended is None:
        return Outcome(passed=False, feedback=f"stopped after {seconds:g} s")
    why = _own_part(text.replace(begun, "").replace(end, "").strip())[-_LAST:]
    why = why or f"it ended early with exit code {ended}"
    return Outcome(passed=False, feedback=why)


def _own_part(text: str) -> str:
    """A traceback without the frames that lead to the program."""
    head, launch, frames = text.partition("Traceback (most recent call last):\n")
    place = frames.find('  File "/tmp/program.py"')
    return head + launch + frames[max(place, 0) :]


def _run(command: list[str], out: int, seconds: float) -> int | None:
    """The exit code; None if the time was up."""
    stranger = _STRANGERS + secrets.randbelow(1_000_000)
    who: dict[str, Any] = {"user": stranger, "group": stranger, "extra_groups": []}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out,
        start_new_session=True, env={}, **(who if os.geteuid() == 0 else {}),
    ) as process:  # fmt: skip
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            # Process 1 of its own namespace: with it the kernel ends all that it has started.
            process.kill()
            return None


def _python() -> tuple[str, list[str]]:
    """The interpreter, and what has to be bound for it beside /usr.

    Our own, unless it lies in root's home, where nobody may look: then the system's.
    """
    base, system = Path(sys.base_prefix), Path("/usr/bin/python3")
    if base.is_relative_to("/usr"):
        return os.path.realpath(sys.executable), []
    if os.geteuid() == 0 and base.is_relative_to("/root") and system.exists():
        return str(system), []
    return os.path.realpath(sys.executable), ["--ro-bind", str(base), str(base)]


def sandboxed(command: Sequence[str]) -> list[str]:
    """A command of our own, with the modules that we have, within the same walls.

    For libraries that evaluate what a model wrote.
    """
    places = dict.fromkeys([sys.base_prefix, sys.prefix, *map(os.path.abspath, sys.path)])
    own = [p for place in places if Path(place).exists() for p in ("--ro-bind", place, place)]
    limits = (f"--as={_MOST_MEMORY}", "--core=0", "--nofile=256")
    return [*_walls(), *own, "/usr/bin/prlimit", *limits, *command]


def _walls() -> list[str]:
    """No network, no files but the system's, an empty /tmp, an end with the one that began it."""
    links = [
        part
        for name in ("bin", "lib", "lib64", "sbin")
        if Path("/", name).is_symlink()
        for part in ("--symlink", f"usr/{name}", f"/{name}")
    ]
    return [
        "bwrap", "--unshare-all", "--die-with-parent", "--new-session",
        "--ro-bind", "/usr", "/usr", *links, "--proc", "/proc", "--dev", "/dev",
        "--tmpfs", "/tmp", "--chdir", "/tmp",
    ]  # fmt: skip


def _sandbox(program: Path, seconds: float, mib: int) -> list[str]:
    """The command up to what Python is to run."""
    python, own = _python()
    return [
        *_walls(), *own, "--clearenv", "--ro-bind", str(program), "/tmp/program.py",
        # In here, because from 5.14 on the kernel counts processes by namespace.
        "/usr/bin/prlimit", f"--nproc={_MOST_PROCESSES}", f"--cpu={int(seconds) + 1}",
        f"--as={mib << 20}", f"--fsize={_MOST_OUTPUT}", "--core=0", "--nofile=64",
        python, "-I", "-S", "-B", "-c",
    ]  # fmt: skip
