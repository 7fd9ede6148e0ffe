"""Evol-Instruct (arXiv:2304.12244) as four small stages of one `repeat:` block."""
