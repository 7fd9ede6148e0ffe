"""What happens to a run: recipes, the store, execution, flows, reports and the command line.

From a notebook: `from pipelines import open_store`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.notebook.open_store import open_store

__all__ = ["open_store"]


def __getattr__(name: str) -> Any:
    """Import `open_store` when it is asked for: the command line does without a notebook."""
    if name != "open_store":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipelines.notebook.open_store import open_store

    return open_store
