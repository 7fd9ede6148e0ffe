"""Model files, and how to talk to a model in its own tokens."""
