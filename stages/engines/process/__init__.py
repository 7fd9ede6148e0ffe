"""Processes that an engine starts."""
