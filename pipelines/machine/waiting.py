"""Say what is being waited for, where the machinery takes long to start."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]

_FIRST_S = 8.0
_AGAIN_S = 30.0


def silent(text: str) -> None:
    """A `Say` that nobody hears."""


@contextmanager
def waiting_for(what: str, say: Say) -> Iterator[None]:
    """While the block takes long, say so: after some seconds, then every half a minute."""
    over = threading.Event()

    def tell() -> None:
        seconds = _FIRST_S
        if over.wait(_FIRST_S):
            return
        say(f"waiting for {what}")
        while not over.wait(_AGAIN_S):
            seconds += _AGAIN_S
            say(f"waiting for {what}, {seconds:.0f} s so far")

    thread = threading.Thread(target=tell, name="waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
