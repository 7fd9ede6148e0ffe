"""What the judges of a run said, read from its store."""
