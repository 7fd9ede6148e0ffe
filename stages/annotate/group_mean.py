"""Say what the mean of a number is among the rows of one kind.

In:  {score: 5.0, group: 3}, {score: 4.0, group: 3}, {score: 1.0, group: 7}
Out: {group_mean: 4.5, group_rows: 2} for the first two, {group_mean: 1.0, group_rows: 1}

`columns: {group: cluster}` takes the mean by topic: BenchBuilder (arXiv:2406.11939) drops topics
whose mean is below a bound. Rows without a score do not count, and get their group's mean all the
same; a group in which none has one, and rows without a group, get nulls.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import fsum
from typing import ClassVar

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, SetStage, ShardReader
from stages.shared.groups import by_group
from stages.shared.numbers import is_score


class GroupMean(SetStage):
    """`columns: {score: …, group: …}` names the number and what a kind is."""

    uses_seed: ClassVar[bool] = False
    cites: ClassVar[tuple[str, ...]] = ("arena-hard",)
    needs: ClassVar[tuple[str, ...]] = ("score", "group")
    adds: ClassVar[Columns] = {"group_mean": pa.float64(), "group_rows": pa.int64()}

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        scores: dict[str | None, list[float]] = defaultdict(list)
        for group, score in by_group(rows, "score"):
            if group is not None and is_score(score):
                scores[group].append(score)
        # Each divided first: the sum of large ones may overflow.
        means = {group: fsum(x / len(own) for x in own) for group, own in scores.items()}
        for group, _ in by_group(rows, "score"):
            count = len(scores[group]) if group in means else None
            yield Kept({"group_mean": means.get(group), "group_rows": count})
