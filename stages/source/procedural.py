"""Start from tasks that a program makes and can score: arithmetic, logic, puzzles, algorithms.

In:  nothing; `tasks: {chain_sum: 20, family_relationships: 10}` says how many of which
Out: {instruction: "State the final answer to …", expected: "12", task: "chain_sum",
     task_key: '["chain_sum", 20, 0, 3]'}

Reasoning Gym's (arXiv:2505.24760), 100 kinds and more. `task_key` makes the same task again, which
`verify.procedural` does to score an answer; another `seed` makes other tasks. `expected` is null
where a scorer alone knows what is right.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Self

import pyarrow as pa
from annotated_types import Ge
from pydantic import Field, model_validator
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, Row, RowStage
from stages.shared.checks.procedural import check_tasks, library, tasks


class Procedural(RowStage):
    """Needs the package reasoning-gym, and bubblewrap, in which it runs."""

    role: ClassVar[Role] = "source"
    cites: ClassVar[tuple[str, ...]] = ("reasoning-gym",)
    adds: ClassVar[Columns] = dict.fromkeys(
        ("instruction", "expected", "task", "task_key"), pa.string()
    )

    tasks: Mapping[str, Annotated[int, Ge(1)]] = Field(min_length=1)
    """How many, by the task's name in Reasoning Gym."""
    seed: int = Field(0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _known(self) -> Self:
        check_tasks(tuple(self.tasks))
        return self

    @override
    def count_initial_rows(self) -> int:
        return sum(self.tasks.values())

    @override
    def initial_rows(self) -> Iterable[Row]:
        for name, count in self.tasks.items():
            for place, (question, answer) in enumerate(tasks(name, count, self.seed)):
                key = json.dumps([name, count, self.seed, place])
                yield {"instruction": question, "expected": answer, "task": name, "task_key": key}

    @override
    def identity(self) -> Row:
        # JSON keys are sorted, and the order of the tasks is that of the rows.
        return {"library": library(), "order": list(self.tasks)}

    @override
    def decide(self, row: Row) -> Fate:
        return Kept()
