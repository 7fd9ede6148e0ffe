"""Several copies of one engine: which is asked next, and which no more."""

import threading
from collections.abc import Sequence
from typing import Generic, TypeVar

from stages.errors import RunError

Copy = TypeVar("Copy")


class Replicas(Generic[Copy]):
    """Copies of an engine. Safe to use from several threads."""

    def __init__(self, copies: Sequence[Copy]) -> None:
        self._load = dict.fromkeys(range(len(copies)), 0)
        self._copies = copies
        self._lock = threading.Lock()
        self._last: RunError | None = None

    @property
    def all(self) -> Sequence[Copy]:
        """Every copy, given up or not."""
        return self._copies

    def take(self) -> int:
        """The number of the copy with the least to do; `give_back` it when the work is done.

        Raises:
            RunError: none is left; the cause is that of the last.
        """
        with self._lock:
            if not self._load:
                raise self._last or RunError("the engine has no replicas")
            number = min(self._load, key=lambda n: self._load[n])
            self._load[number] += 1
            return number

    def give_back(self, number: int, broken: RunError | None = None) -> None:
        """The work is done; `broken`: the copy answers no more and is not asked again."""
        with self._lock:
            if broken is not None:
                self._load.pop(number, None)
                self._last = broken
            elif number in self._load:
                self._load[number] -= 1
