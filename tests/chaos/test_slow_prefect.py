"""A Prefect server that starts later than the 20 s Prefect gives its ephemeral one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow
SLOW_S = 90
LATE = f"""
import sys, time
if sys.orig_argv[1:4] == ["-m", "prefect", "server"]:
    time.sleep({SLOW_S})
"""


def test_a_run_waits_for_it_and_says_so(tmp_path, small_recipe):
    source = small_recipe()
    source["stages"] = source["stages"][:3]
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(source))
    (tmp_path / "late").mkdir()
    (tmp_path / "late/sitecustomize.py").write_text(LATE)
    late = {"PYTHONPATH": str(tmp_path / "late"), "PREFECT_HOME": str(tmp_path / "prefect")}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("bowerbird")), "run", "small.yaml"],
        cwd=tmp_path, env=os.environ | late, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "waiting for Prefect's server" in done.stderr
    (record,) = tmp_path.glob("store/runs/*/run.json")
    assert json.loads(record.read_text())["status"] == "done"
