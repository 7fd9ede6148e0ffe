"""Models that score rows."""
