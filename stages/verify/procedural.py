"""Score the answer to a task that a program made.

In:  {answer: "12", task_key: '["chain_sum", 20, 0, 3]'}
Out: {task_score: 1.0, correct: true}; 0 and false without an answer, null for a row that is no such
     task, and where the scorer takes longer than `seconds` or cannot read the answer

The task's own scorer decides (`source.procedural`): many tasks have several right answers, and
some give a part of the score for a part of an answer. `correct` is a full score. Some scorers
evaluate the answer as Python, which is why they run in the sandbox of `verify.python`.
"""

import json
from typing import ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

from stages.base import Columns, Failed, Fate, Kept, Row, RowStage
from stages.shared.checks.procedural import check_tasks, library, score


class Procedural(RowStage):
    """`columns: {answer: response}` scores a reply as a whole."""

    cites: ClassVar[tuple[str, ...]] = ("reasoning-gym",)
    needs: ClassVar[tuple[str, ...]] = ("answer", "task_key")
    adds: ClassVar[Columns] = {"task_score": pa.float64(), "correct": pa.bool_()}

    seconds: float = Field(10.0, gt=0, le=60)

    @model_validator(mode="after")
    def _can_run(self) -> Self:
        check_tasks()
        return self

    @override
    def identity(self) -> Row:
        return {"library": library()}

    @override
    def decide(self, row: Row) -> Fate:
        if row["task_key"] is None:
            return Kept({"task_score": None, "correct": None})
        if row["answer"] is None:
            return Kept({"task_score": 0.0, "correct": False})
        try:
            name, count, seed, place = json.loads(row["task_key"])
        except ValueError:
            return Failed("verify.task_key", str(row["task_key"])[:80])
        found = score([name, count, seed, place], row["answer"], self.seconds)
        return Kept({"task_score": found, "correct": None if found is None else found >= 1})
