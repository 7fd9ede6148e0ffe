"""Verdicts of one token, read from log-probabilities: what the text says does not count."""

import math
from collections.abc import Iterable

from stages.ask import Reply
from stages.errors import ReplyError

TOP = 20
"""Log-probabilities to ask for: what the OpenAI protocol allows at most."""


def token_probabilities(reply: Reply, words: Iterable[str]) -> dict[str, float]:
    """The probability of each of `words` (lower case) as the first token.

    Spellings with other case or with spaces count together; what is not finite counts for
    nothing.

    Raises:
        ReplyError: the reply has no log-probabilities.
    """
    if not reply.sample.logprobs:
        raise ReplyError("the reply has no log-probabilities")
    found = dict.fromkeys(words, 0.0)
    for token, logprob in reply.sample.logprobs[0].items():
        word = token.strip().lower()
        # Unicode has other letters whose small forms are k or s.
        if word in found and token.isascii() and math.isfinite(logprob):
            found[word] += math.exp(min(logprob, 0.0))
    return found
