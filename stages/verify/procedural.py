"""Score the answer to a task that a program made.

In:  {answer: "12", task_key: '["chain_sum", 20, 0, 3]'}
Out: {task_score: 1.0, correct: true}; 0 and false without an answer, null where the scorer takes
     longer than `seconds` or cannot read the answer

The task's own scorer decides (`source.procedural`): many tasks have several right answers, and
some give a part of the score for a part of an answer. `correct` is a full score.
"""

import json
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.checks.procedural import score


class Procedural(RowStage):
    """`columns: {answer: response}` scores a reply as a whole."""

    cites: ClassVar[tuple[str, ...]] = ("reasoning-gym",)
    needs: ClassVar[tuple[str, ...]] = ("answer", "task_key")
    adds: ClassVar[Columns] = {"task_score": pa.float64(), "correct": pa.bool_()}

    seconds: float = Field(10.0, gt=0, le=60)

    @override
    def decide(self, row: Row) -> Fate:
        if row["answer"] is None:
            return Kept({"task_score": 0.0, "correct": False})
        found = score(json.loads(row["task_key"]), row["answer"], self.seconds)
        return Kept({"task_score": found, "correct": None if found is None else found >= 1})
