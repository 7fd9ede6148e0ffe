"""Engines at work: on a loop of their own, restarted, in several copies, their replies kept."""
