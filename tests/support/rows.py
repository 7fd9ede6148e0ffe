"""Rows of a store, as dictionaries."""

from pipelines.store.query.catalog import query


def rows(run, store, sql="SELECT * FROM dataset"):
    """The result of a query over the run."""
    return query(store, run, sql).to_pylist()
