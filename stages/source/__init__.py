"""First stages: rows that come from a file."""
