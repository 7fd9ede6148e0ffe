"""Questions to a store: SQL, costs, the history of a row."""
