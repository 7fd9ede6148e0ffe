"""Stages that add columns and decide nothing."""
