"""Replies as engines give them, for tests of judges."""

import json
import math

from stages.ask import Reply, Sample


def likely(**words):
    """A reply whose first token has these probabilities."""
    position = {word: math.log(p) for word, p in words.items() if p}
    return Reply((Sample(max(words, key=words.get), logprobs=(position,)),), model="judge")


def grades(**words):
    """`likely` for words that are digits: grades(d4=0.5, d5=0.5)."""
    return likely(**{name.removeprefix("d"): p for name, p in words.items()})


def written(**fields):
    """A reply that is a JSON object."""
    return Reply((Sample(json.dumps(fields)),), model="judge")
