"""Commands start without pandas; who asks for a data frame still gets one."""

import subprocess
import sys

SCRIPT = """
import sys
import pyarrow as pa
from pipelines.cli.without_pandas import without_pandas
without_pandas()
table = pa.Table.from_pylist([{"a": 1}, {"a": 2}])
assert "pandas" not in sys.modules
frame = table.to_pandas()
assert frame.a.sum() == 3
assert pa.array(frame.a).to_pylist() == [1, 2]
"""


def test_tables_are_made_without_pandas_and_data_frames_with_it():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
