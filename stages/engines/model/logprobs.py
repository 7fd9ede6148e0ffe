"""Log-probabilities of one position, by what the tokens say."""

import math
from collections.abc import Iterable


def by_text(entries: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The log-probability of each text; tokens that decode to the same text count together."""
    found: dict[str, float] = {}
    for text, logprob in entries:
        before = found.get(text, -math.inf)
        top = max(before, logprob)
        apart = min(before, logprob) - top
        found[text] = top + math.log1p(math.exp(apart)) if math.isfinite(top) else top
    return found
