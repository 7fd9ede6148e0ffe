"""What engines behind an HTTP endpoint share."""
