r"""Run an answer's Python with tests, in a sandbox.

In:  {response: "```python\ndef add(a, b): return a + b\n```", tests: "assert add(1, 2) == 3"}
Out: {passes: true}, or {passes: false, feedback: "… AssertionError"}; null without code or tests

The code is the answer's first Python block, or a text that is code as a whole. Feedback is the end
of what an error says, for execution feedback as in LeTI (arXiv:2305.10314). No network, no files of
the machine, `seconds` of time, `mib` of memory (`shared/checks/sandbox.py`); needs bubblewrap.
"""

import re
from typing import ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage
from stages.shared.checks.sandbox import check_sandbox, run_python

_BLOCK = re.compile(
    r"(?:^([^\S\n]{0,12})|(?<=[\s:]))```([^\n`]*)\n(.*?)(?:^(?:\1)? {0,3}```|^ {0,3}```|\Z)",
    re.MULTILINE | re.DOTALL,
)
"""Indentation, tag and code. A fence further in is one in a docstring."""
_TAGS = ("", "python", "py", "python3")


class Python(RowStage):
    """`columns: {response: …, tests: …}` names code and tests; the tests stand behind the code."""

    version: ClassVar[int] = 3
    cites: ClassVar[tuple[str, ...]] = ("leti",)
    needs: ClassVar[tuple[str, ...]] = ("response", "tests")
    adds: ClassVar[Columns] = {"passes": pa.bool_(), "feedback": pa.string()}

    seconds: float = Field(5.0, gt=0, le=60)
    mib: int = Field(512, ge=64, le=8192)

    @model_validator(mode="after")
    def _can_run(self) -> Self:
        check_sandbox()
        return self

    @override
    def decide(self, row: Row) -> Fate:
        code = code_in(row["response"] or "")
        if not code or not row["tests"]:
            return Kept({"passes": None, "feedback": None})
        found = run_python(f"{code}\n\n{row['tests']}", self.seconds, self.mib)
        return Kept({"passes": found.passed, "feedback": found.feedback or None})


def code_in(text: str) -> str:
    """The first Python block in `text`; all of it if it has no marks of a block."""
    for indent, tag, code in _BLOCK.findall(text):
        if "".join(tag.split()[:1]).lower() in _TAGS:
            return re.sub(f"^{indent}", "", code, flags=re.MULTILINE).strip("\n")
    return "" if "```" in text else text.strip("\n")
