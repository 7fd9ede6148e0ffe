"""What happens to a run: recipes, the store, execution, flows, reports and the command line.

From a notebook: `from pipelines import open_store`.
"""

from pipelines.notebook.open_store import open_store

__all__ = ["open_store"]
