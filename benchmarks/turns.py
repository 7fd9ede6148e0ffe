"""Arms that take turns on one engine, and what they took."""

import itertools
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.kept import Kept
from stages.ask import Ask, Chat, Message, Reply, Request

_NUMBERS = itertools.count()


def timed(host: Kept, asks: Sequence[Ask]) -> tuple[float, list[Reply]]:
    """Seconds for all of them at once, and the replies in order."""
    requests = [Request(i, ask, i) for i, ask in enumerate(asks)]
    began = time.perf_counter()
    found = {answer.index: answer.outcome for answer in host.answers(requests)}
    took = time.perf_counter() - began
    replies = [found[i] for i in range(len(asks))]
    assert all(isinstance(reply, Reply) for reply in replies), replies
    return took, [reply for reply in replies if isinstance(reply, Reply)]


def apart(ask: Ask, number: int) -> Ask:
    """The same request with a beginning of its own."""
    assert isinstance(ask.prompt, Chat)
    head = Message("system", f"Case {number}.")
    return Ask(Chat((head, *ask.prompt.messages)), ask.sampling, ask.schema, ask.logprobs)


def in_turn(*arms: Callable[[int], float]) -> list[float]:
    """The median of each arm, run A B B A (A B C C B A), each time with a number of its own."""
    found: list[list[float]] = [[] for _ in arms]
    for arm in (*range(len(arms)), *reversed(range(len(arms)))):
        found[arm].append(arms[arm](next(_NUMBERS)))
    return [statistics.median(each) for each in found]
