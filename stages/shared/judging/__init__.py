"""What judges are made of: verdicts, scales, and how a text is shown to one."""
