"""Conversations of several turns."""
