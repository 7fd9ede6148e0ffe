"""Draw `rows` sets of k skills and a query type for each.

In:  {skill: "timing several dishes", query_types: […]}, one row per skill
Out: {skills: ["timing several dishes", "reading a map"], query_type: "Explanation"}, a child of
     the k skills' rows; skills in no set are dropped as skillmix.not_drawn

Uniform draws (arXiv:2408.14774, whose released sampler shuffles the list and takes the first k):
no set twice, no skill name twice in a set.
"""

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Derived, Dropped, Fate, Role, Row, SetStage, ShardReader


class Mix(SetStage):
    """Fewer sets than `rows` where the skills allow no more."""

    role: ClassVar[Role] = "generate"
    cites: ClassVar[tuple[str, ...]] = ("instruct-skillmix",)
    needs: ClassVar[tuple[str, ...]] = ("skill", "topic", "query_types")
    adds: ClassVar[Columns] = {"skills": pa.list_(pa.string()), "query_type": pa.string()}
    removes: ClassVar[tuple[str, ...]] = ("skill", "topic", "query_types")
    derives: ClassVar[bool] = True

    rows: int = Field(gt=0)
    k: int = Field(2, ge=1, le=5)

    @override
    def max_rows(self, rows: int) -> int:
        return self.rows

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per skill, in order; a set stands with the first of its skills."""
        columns = ["id", "skill", "query_types"]
        skills = [row for table in rows.tables(columns) for row in table.to_pylist()]
        children = defaultdict(list)
        used: set[int] = set()
        for drawn, query_type in self._draw(skills, random.Random(seed)):
            used.update(drawn)
            mixed = [skills[i] for i in drawn]
            children[drawn[0]].append(
                {
                    "parents": [skill["id"] for skill in mixed],
                    "skills": [skill["skill"] for skill in mixed],
                    "query_type": query_type,
                }
            )
        for i in range(len(skills)):
            yield Derived(tuple(children[i])) if i in used else Dropped("skillmix.not_drawn")

    def _draw(self, skills: list[Row], random: random.Random) -> list[tuple[tuple[int, ...], str]]:
        seen: set[frozenset[str]] = set()
        drawn: list[tuple[tuple[int, ...], str]] = []
        # Bounded: a small pool runs out of new sets before `rows` are found.
        for _ in range(50 * self.rows):
            if len(drawn) == self.rows or len(skills) < self.k:
                break
            picked = tuple(random.sample(range(len(skills)), self.k))
            names = frozenset(skills[i]["skill"].lower() for i in picked)
            if len(names) == self.k and names not in seen:
                seen.add(names)
                drawn.append((picked, random.choice(skills[picked[0]]["query_types"])))
        return drawn
