"""What is committed, by whom, and what was answered."""
