"""How a model on a CPU gets its memory: what glibc's malloc reads when a process begins.

By itself malloc maps large blocks afresh each time, and the kernel clears each page of them: the
logits of 160 sequences are 97 MB, at every step. A sixth of a model's processor time went there,
and 3 % do with these.
"""

_KEPT = 2**30
"""Bytes that may lie free at the end of the heap before they go back to the system."""


def malloc() -> dict[str, str]:
    """Keep freed blocks for the next step, whatever their size."""
    return {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(_KEPT)}
