"""Code of a model in the sandbox, for real: what it may not do it does not."""

import subprocess
import time

import pytest

from stages.base import Kept
from stages.errors import UserError
from stages.shared.checks import sandbox
from stages.shared.checks.sandbox import run_python
from stages.verify.python import Python, code_in

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("code", "feedback"),
    [
        ("assert 1 == 2, 'no'", "AssertionError: no"),
        ("def f(:", "SyntaxError"),
        ("import sys; sys.exit(0)", "ended early with exit code 0"),
        ("import os; os._exit(0)", "ended early with exit code 0"),
        ("x = bytearray(10**10)", "MemoryError"),
        ("import socket; socket.create_connection(('1.1.1.1', 80), 2)", "OSError"),
        ("open('/etc/passwd')", "FileNotFoundError"),
        ("open('/usr/x', 'w')", "Error"),
        ("import sys\nsys.stderr.write('bwrap: no')\nraise SystemExit(1)", "bwrap: no"),
        ("open('/tmp/x', 'w').write('x' * 10**7)", "File too large"),
    ],
)
def test_what_fails_and_what_it_says(code, feedback):
    found = run_python(code, 5, 512)
    assert not found.passed
    assert feedback in found.feedback


@pytest.mark.parametrize(
    "code",
    [
        "",
        "from __future__ import annotations\nassert sum([1, 2]) == 3",
        "open('/tmp/x', 'w').write('a'); assert open('/tmp/x').read() == 'a'",
        "import os; assert 'HOME' not in os.environ, os.environ",
        "import os; assert not os.path.exists('/root') and not os.path.exists('/home')",
        "print('x' * 10**6)",
    ],
)
def test_what_passes(code):
    found = run_python(code, 5, 512)
    assert found.passed, found.feedback


def test_a_file_of_this_machine_is_not_there(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    assert "FileNotFoundError" in run_python(f"open({str(secret)!r})", 5, 512).feedback


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)",
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(61.5)'])\ntime.sleep(60)",
    ],
)
def test_the_time_is_up_for_all_that_it_started(code):
    began = time.monotonic()
    assert run_python(code, 1, 512).feedback == "stopped after 1 s"
    assert time.monotonic() - began < 20
    for _ in range(100):
        there = subprocess.run(["pgrep", "-f", "time.sleep.61.5"], capture_output=True, check=False)
        if there.returncode == 1:
            return
        time.sleep(0.1)
    raise AssertionError("a child outlived the call")


def test_processes_are_counted():
    code = "import os, time\nfor _ in range(200):\n    if os.fork() == 0: time.sleep(20)"
    assert "Resource temporarily unavailable" in run_python(code, 5, 512).feedback


def test_a_stage():
    row = {
        "response": "Here:\n```python\ndef add(a, b):\n    return a + b\n```\nDone.",
        "tests": "assert add(1, 2) == 3",
    }
    assert Python().decide(row) == Kept({"passes": True, "feedback": None})
    wrong = Python().decide(row | {"tests": "assert add(1, 2) == 4"}).columns
    assert not wrong["passes"]
    assert wrong["feedback"].endswith("AssertionError")
    nothing = Kept({"passes": None, "feedback": None})
    assert Python().decide(row | {"tests": None}) == nothing
    assert Python().decide(row | {"response": None}) == nothing


def test_the_code_in_a_text():
    assert code_in("```py\nx = 1\n```") == "x = 1"
    assert code_in("a\n```\nx = 1\n```\n```\ny\n```") == "x = 1"
    assert code_in("```python\nx = 1") == "x = 1"  # cut off
    assert code_in("x = 1\n") == "x = 1"
    assert code_in("no code ``` here") == ""
    assert code_in("```bash\npip\n```\nNow:\n```python\nx = 1\n```\nIt adds.") == "x = 1"
    assert code_in("```python3\nx = 1\n```\nIt adds.") == "x = 1"
    assert code_in("1. Code:\n\n   ```python\n   x = 1\n   ```\n\nDone.") == "x = 1"
    assert code_in("Here: ```python\nx = 1\n```\nIt adds.") == "x = 1"
    assert code_in("```bash\npip\n```") == ""
    inner = 'def f():\n    """Use it so:\n\n    ```\n    f()\n    ```\n    """\n    return 1'
    assert code_in(f"```python\n{inner}\n```") == inner
    assert code_in("Use ```len``` for this.\n\n```python\nx = 1\n```") == "x = 1"
    assert code_in("```python\nx = '''a\n    \nb'''\n```") == "x = '''a\n    \nb'''"


def test_without_a_sandbox_it_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: None)
    with pytest.raises(UserError, match="there is no bwrap"):
        Python()
