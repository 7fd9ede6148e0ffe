"""A run's dataset in the shapes that its readers want."""
