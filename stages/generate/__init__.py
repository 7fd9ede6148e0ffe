"""Stages that write instructions, answers, critiques and revisions."""
