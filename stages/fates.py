"""What becomes of a row: a stage gives every row exactly one fate.

Kept        the same row goes on, with more or changed columns
Derived     new rows come of it, and it is their parent
Dropped     it worked and did not pass, for a reason
Failed      it could not be worked on, because of an error
"""

from dataclasses import dataclass, field

from stages.rows import Row


@dataclass(frozen=True, slots=True)
class Kept:
    """The row goes on. `columns`: what the stage adds or changes."""

    columns: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Derived:
    """New rows come of this one; each is given as its changes to the parent's columns.

    A row may name its own `parents` where there are several. `parent`, if given, holds the
    changes with which the parent itself goes on beside its children. No rows and no `parent`
    means: a parent whose children stand with another of their parents.
    """

    rows: tuple[Row, ...] = ()
    parent: Row | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """The row does not pass. `reason`: a short constant to count by; `detail`: this row's case."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The row could not be worked on. `reason` to count by, `detail` with the error in full."""

    reason: str
    detail: str = ""


Fate = Kept | Derived | Dropped | Failed
