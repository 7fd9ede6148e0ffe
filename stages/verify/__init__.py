"""Whether an answer is right, by a rule or a program and no model."""
