"""Engines answer prompts. One file per kind; each big library is imported in its own file only."""
