"""Numbers that a model gives a text without writing one."""
