"""Figures of a run's judges: what `bowerbird audit` keeps beside the run, and its report shows."""

from collections.abc import Sequence
from math import isfinite

import msgspec

from pipelines.store.runs import Run
from pipelines.store.store import Store
from stages.errors import RunError

NAME = "audit.json"
PROBED = "fooled by: "
"""How the names of figures of probes begin."""


class Figure(msgspec.Struct, frozen=True):
    """`low` and `high`: a 95% interval, None where there is none. `rows`: what it is made of."""

    judge: str
    name: str
    value: float
    low: float | None
    high: float | None
    rows: int
    about: str

    @property
    def is_of_probe(self) -> bool:
        """Whether a worthless answer was shown for it, and no stored verdict read."""
        return self.name.startswith(PROBED)


def read(store: Store, run: Run) -> list[Figure]:
    """What was found of the run's judges; empty before an audit.

    Raises:
        RunError: the file is damaged.
    """
    folder = store.run(run.id)
    try:
        return msgspec.json.decode(folder.read(NAME), type=list[Figure])
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError) as error:
        cause = f"{folder.uri(NAME)} is damaged ({error})"
        raise RunError(cause, "Run `bowerbird audit` again.") from None


def keep(store: Store, run: Run, found: Sequence[Figure]) -> str:
    """Write the figures beside the run, where its report finds them; return where.

    Probes of an earlier audit that this one did not ask stay; what is gone else is so for a reason,
    such as labels that were taken back.
    """
    if odd := [figure.name for figure in found if not isfinite(figure.value)]:
        raise ValueError(f"{odd[0]} is no number")
    folder = store.run(run.id)
    new = {(figure.judge, figure.name) for figure in found}
    try:
        before = read(store, run)
    except RunError:
        before = []  # of a damaged file nothing stays
    earlier = [f for f in before if f.is_of_probe and (f.judge, f.name) not in new]
    folder.put(NAME, msgspec.json.format(msgspec.json.encode([*found, *earlier]), indent=1))
    return folder.uri(NAME)
