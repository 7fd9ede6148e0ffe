"""How like two texts are by `difflib`, in a process of its own.

`SequenceMatcher` takes the cube of a text's length at worst: 4 s for two of 1,000 characters that
share every second one, 3 s for most of 10,000.
"""

import difflib
from collections.abc import Callable

from stages.shared.checks.child import Child, serve

_CHILD = Child(__name__)


def likeness(first: str, second: str, seconds: float) -> float | None:
    """The ratio of both, 0 to 1; None if it cannot be said within `seconds`."""
    said = _CHILD.ask([first, second], seconds)
    return float(said) if isinstance(said, int | float) else None


def _ratio() -> Callable[[list[str]], float]:
    return lambda pair: difflib.SequenceMatcher(None, pair[0], pair[1], autojunk=False).ratio()


if __name__ == "__main__":
    serve(_ratio)
