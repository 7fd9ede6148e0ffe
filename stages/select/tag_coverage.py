"""Keep rows that together have many tags, those with most tags first.

In:  {tags: ["sorting", "Python", "tuples"]}
Out: {selected_in_pass: 1}, or dropped as select.not_selected, or select.no_value without a tag

InsTag's complexity-first diverse sampling (arXiv:2308.07074): rows are gone through from the most
tags to the fewest, and one is taken if it has a tag that no row taken in this pass has; passes
follow each other, each with an empty set of tags, until there are `rows`. Tags are compared
without regard to case and white space, and those of fewer than `at_least` rows do not count. Of
rows with equally many tags the earlier goes first.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, SetStage, ShardReader
from stages.errors import RunError


class TagCoverage(SetStage):
    """Keeps all rows with a tag where there are no more than `rows`."""

    role: ClassVar[Role] = "select"
    cites: ClassVar[tuple[str, ...]] = ("instag",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("tags",)
    adds: ClassVar[Columns] = {"selected_in_pass": pa.int64()}

    rows: int = Field(gt=0)
    at_least: int = Field(1, ge=1)
    """Rows that a tag is in, to count; 20 in the paper, of hundreds of thousands."""

    @override
    def max_rows(self, rows: int) -> int:
        return min(rows, self.rows)

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        lists = [tags for table in rows.tables(["tags"]) for tags in table["tags"].to_pylist()]
        if odd := [tags for tags in lists if not isinstance(tags, list | None)]:
            cause = f"'tags' holds {odd[0]!r:.60}, no list"
            raise RunError(cause, "Name a column of lists of texts.")
        given = list(map(_normal, lists))
        frequency = Counter(tag for tags in given for tag in tags)
        known = [{tag for tag in tags if frequency[tag] >= self.at_least} for tags in given]
        taken = _passes(known, self.rows)
        for i, tags in enumerate(known):
            if i in taken:
                yield Kept({"selected_in_pass": taken[i]})
            elif tags:
                yield Dropped("select.not_selected", f"{len(tags)} tags")
            else:
                yield Dropped("select.no_value")


def _normal(tags: Sequence[Any] | None) -> set[str]:
    words = (" ".join(str(tag).casefold().split()) for tag in tags or () if tag is not None)
    return {tag for tag in words if tag}


def _passes(tags: Sequence[set[str]], rows: int) -> dict[int, int]:
    """The pass in which each row is taken, from 1."""
    # Of rows with the same tags a pass takes the first at most.
    left: dict[frozenset[str], deque[int]] = defaultdict(deque)
    for i, named in enumerate(tags):
        if named:
            left[frozenset(named)].append(i)
    taken: dict[int, int] = {}
    number = 0
    while left and len(taken) < rows:
        number += 1
        covered: set[str] = set()
        for own in sorted(left, key=lambda own: (-len(own), left[own][0])):
            if len(taken) < rows and own - covered:
                taken[left[own].popleft()] = number
                covered |= own
        left = defaultdict(deque, {own: places for own, places in left.items() if places})
    return taken
