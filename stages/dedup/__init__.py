"""Stages that keep one row of several alike."""
