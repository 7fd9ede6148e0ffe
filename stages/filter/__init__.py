"""Rules on text that need no model; every drop has a named reason."""
