"""How a model on a CPU gets its memory: in pages of 2 MB, where the system gives them on request.

Each step takes its large blocks afresh (the logits of 160 sequences are 97 MB), and the kernel
enters page after page of 4 KB: a sixth of a model's processor time. 64 sequences of the packaged
model get 126 tokens a second instead of 107; with 256 there is no difference (132 and 134). Blocks
kept in malloc's heap instead (`MALLOC_MMAP_MAX_=0`) let it grow from 10 to 20 GB within an hour.
"""


def huge_pages() -> dict[str, str]:
    """What PyTorch reads from the environment when it is loaded."""
    return {"THP_MEM_ALLOC_ENABLE": "1"}
