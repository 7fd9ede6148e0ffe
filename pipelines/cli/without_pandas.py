"""Start without pandas: pyarrow imports it with the first array that it makes, and uses none of it.

That import takes 0.3 s, half of what a short command takes. pyarrow looks for pandas once, and
again when a table is to become a data frame, so that only the first look has to fail.
"""

import sys


class _Hidden:
    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def without_pandas() -> None:
    """Let pyarrow have its first look for pandas, and find none."""
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(hidden)
