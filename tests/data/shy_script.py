"""A judge whose every third verdict cannot be read."""

import dataclasses

from stages.engines import scripts


def shy(request):
    reply = scripts.babble(request)
    if request.ask.logprobs and request.seed % 3 == 0:
        samples = [dataclasses.replace(sample, logprobs=()) for sample in reply.samples]
        return dataclasses.replace(reply, samples=tuple(samples))
    return reply
