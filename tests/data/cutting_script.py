"""A script for the scripted engine whose every second answer is cut off."""

import dataclasses

from stages.ask import Chat, Reply, Request
from stages.engines.scripts import babble


def cut(request: Request) -> Reply:
    """What `babble` says; of answers half run into `max_tokens`."""
    reply = babble(request)
    if not isinstance(request.ask.prompt, Chat) or request.seed % 2:
        return reply
    samples = [dataclasses.replace(sample, finish_reason="length") for sample in reply.samples]
    return dataclasses.replace(reply, samples=tuple(samples))
