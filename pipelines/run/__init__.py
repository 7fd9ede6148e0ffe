"""Runs of a recipe: in full, its first rows, or what a repair took out."""
