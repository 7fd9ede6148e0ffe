"""Stages that make preference pairs of scored answers."""
