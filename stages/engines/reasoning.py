"""What a reasoning model thought, parted from what it answers.

Models write it between `<think>` and `</think>`; the chat templates of some open the mark
themselves, so that only its end is in the text. A text that is cut off while it thinks has no
answer.
"""

from dataclasses import replace

from stages.ask import Reply, Sample

_BEGIN, _END = "<think>", "</think>"


def parted(reply: Reply, prompt: str = "") -> Reply:
    """`reply` with each sample's thoughts apart; `prompt` may open them."""
    opened = prompt.rstrip().endswith(_BEGIN)
    samples = tuple(_part(sample, opened=opened) for sample in reply.samples)
    return replace(reply, samples=samples)


def _part(sample: Sample, *, opened: bool) -> Sample:
    begun = sample.text.lstrip()
    if sample.reasoning or not (opened or begun.startswith(_BEGIN)):
        return sample
    thought, _, answer = begun.removeprefix(_BEGIN).partition(_END)
    return replace(sample, text=answer.lstrip("\n"), reasoning=thought.strip())
