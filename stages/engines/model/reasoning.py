"""What a reasoning model thought, parted from what it answers.

Models write it between `<think>` and `</think>`; the chat templates of some open the mark
themselves, so that only its end is in the text. A text that is cut off while it thinks has no
answer. What is held to a form is an answer from its first token, and so is what goes on with one.
"""

import re
from dataclasses import replace

from stages.ask import Ask, Chat, Reply, Sample

_BEGIN, _END = "<think>", "</think>"
_CLOSED = re.compile(r"(?s)(?:(?!<think>).)*?</think>(?:\n|\Z)")
"""Thoughts that a template has opened: their end closes a line, in a sentence it is a word."""


def parted(reply: Reply, ask: Ask, prompt: str = "") -> Reply:
    """`reply` with each sample's thoughts apart; `prompt`, if it is known, may open them."""
    if not isinstance(ask.prompt, Chat) or ask.prompt.messages[-1].role == "assistant":
        return reply
    if ask.schema is not None or ask.pattern is not None:
        return reply
    opened = prompt.rstrip().endswith(_BEGIN)
    samples = tuple(_part(sample, opened=opened) for sample in reply.samples)
    return reply if samples == reply.samples else replace(reply, samples=samples)


def _part(sample: Sample, *, opened: bool) -> Sample:
    # Few samples hold a mark, and the pattern goes through a text letter by letter.
    if not opened and _BEGIN not in sample.text and _END not in sample.text:
        return sample
    begun = sample.text.lstrip()
    if sample.reasoning or not (opened or begun.startswith(_BEGIN) or _CLOSED.match(begun)):
        return sample
    thought, _, answer = begun.removeprefix(_BEGIN).partition(_END)
    return replace(sample, text=answer.lstrip("\n"), reasoning=thought.strip())
