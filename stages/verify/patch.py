r"""Reward an answer's edits of files by how like the right ones they are (arXiv:2502.18449).

In:  {response: "### a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE",
      paths: ["a.py"], before: ["x = 1\ny = 3\n"], after: ["x = 2\ny = 3\n"]}
Out: {patch_reward: 1.0, patch_error: null}; -1.0 with its reason where nothing can be applied

The reward of SWE-RL: the mean over all files that either changes of `difflib`'s ratio of both
unified diffs (headers left out, three lines of context), 0 for a file that one of them leaves
alone. Edits are blocks as above, fenced or not, applied in their order; an empty search makes a
file, and a fenced block without marks below a path is the whole file. A null in `before` or `after`
is a file that is not there. Departures from the released code: a search is whole lines (there the
beginning of a line will do), an empty replacement leaves no line, an empty search in a file that is
there is an error (there it fills every line), and no thoughts are asked for. Ends of lines do not
count. Null without a response, where nothing was to be changed, or where the comparison takes
longer than `seconds`.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Failed, Fate, Kept, Row, RowStage
from stages.shared.checks.likeness import likeness

_SEARCH, _REPLACE, _END = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"


class Edit(NamedTuple):
    """Lines of a file, or none for the whole of it, and those that take their place."""

    path: str
    search: list[str] | None
    replace: list[str]


class PatchError(ValueError):
    """Edits that cannot be read or applied."""


class Patch(RowStage):
    """Likeness is no proof: a wrong repair of one character is very like the right one."""

    cites: ClassVar[tuple[str, ...]] = ("swe-rl",)
    needs: ClassVar[tuple[str, ...]] = ("response", "paths", "before", "after")
    adds: ClassVar[Columns] = {"patch_reward": pa.float64(), "patch_error": pa.string()}

    seconds: float = Field(5.0, gt=0, le=60)
    """For the comparison of a file's two changes."""

    @override
    def decide(self, row: Row) -> Fate:
        paths, old, new = (row[name] or () for name in ("paths", "before", "after"))
        if not len(paths) == len(old) == len(new):
            return Failed("verify.unequal", "paths, before and after are not equally long")
        if len(set(paths)) < len(paths):
            return Failed("verify.path_twice", ", ".join(map(str, paths)))
        before, after = (
            {path: (text or "").splitlines() for path, text in zip(paths, texts, strict=True)}
            for texts in (old, new)
        )
        right = _diffs(before, after)
        if row["response"] is None or not right:
            return Kept({"patch_reward": None, "patch_error": None})
        try:
            made = _diffs(before, before | _applied(_edits(row["response"]), before))
        except PatchError as error:
            return Kept({"patch_reward": -1.0, "patch_error": str(error)})
        reward = _reward(made, right, self.seconds)
        late = f"not compared within {self.seconds:g} s" if reward is None else None
        return Kept({"patch_reward": reward, "patch_error": late})


class _Reader:
    """Reads an answer line by line into `edits`."""

    def __init__(self) -> None:
        self.edits: list[Edit] = []
        self.path = ""
        self.part = ""  # of the last edit: search, replace or file
        self.named = False  # nothing has come since the line with the path
        self.fenced = False

    def read(self, line: str) -> None:
        mark = line.rstrip()
        if self.part in ("search", "replace"):
            self._read_edit(mark, line)
        elif mark == _SEARCH:
            self._begin_edit()
        elif mark.startswith("```"):
            self._fence()
        elif self.part == "file":
            self.edits[-1].replace.append(line)
        elif mark.startswith("### "):
            self.path, self.named = mark.removeprefix("### ").strip().strip("`"), True

    def _begin_edit(self) -> None:
        if self.part == "file" and self.edits.pop().replace:
            raise PatchError("an edit begins within a file")
        if not self.path:
            raise PatchError("no path")
        self.edits.append(Edit(self.path, [], []))
        self.part, self.named = "search", False

    def _fence(self) -> None:
        opens = self.named and not self.fenced
        self.edits += [Edit(self.path, None, [])] if opens else []
        self.part = "file" if opens else ""
        self.fenced, self.named = not self.fenced, False

    def _read_edit(self, mark: str, line: str) -> None:
        _, search, replace = self.edits[-1]
        if mark == _SEARCH:
            raise PatchError("an edit begins within another")
        if self.part == "search" and mark == _REPLACE:
            self.part = "replace"
        elif self.part == "replace" and mark == _END:
            self.part = ""
        else:
            (search if self.part == "search" and search is not None else replace).append(line)


def _edits(text: str) -> list[Edit]:
    """The blocks of an answer, in their order."""
    reader = _Reader()
    for line in text.splitlines():
        reader.read(line)
    if reader.part:
        end = {"search": _REPLACE, "replace": _END, "file": "```"}[reader.part]
        raise PatchError(f"the last edit has no line '{end}'")
    if not reader.edits:
        raise PatchError("no edit")
    return reader.edits


def _applied(edits: Sequence[Edit], before: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The files that are edited, as they are afterwards."""
    files: dict[str, list[str]] = {}
    for path, search, replace in edits:
        lines = files[path] if path in files else list(before.get(path, ()))
        if search == replace or (search is None and replace == lines):
            raise PatchError(f"an edit of '{path}' changes nothing")
        if search == [""]:  # how the released code has an empty search
            search.clear()
        if lines and search == []:
            raise PatchError(f"an edit of '{path}', which is there, searches for nothing")
        files[path] = _replaced(lines, search, replace) if search else replace
        if files[path] == lines:
            raise PatchError(f"what an edit of '{path}' searches for is not there")
    return files


def _replaced(lines: Sequence[str], search: Sequence[str], replace: Sequence[str]) -> list[str]:
    """The lines with each place that is `search` replaced."""
    changed, place = list[str](), 0
    while place < len(lines):
        there = lines[place] == search[0] and lines[place : place + len(search)] == search
        changed += replace if there else [lines[place]]
        place += len(search) if there else 1
    return changed


def _diffs(old: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The unified diff of each file that is changed, without its two header lines."""
    found = {}
    for path, lines in new.items():
        diff = list(difflib.unified_diff(old.get(path, ()), lines, lineterm=""))[2:]
        if diff:
            found[path] = "\n".join(diff)
    return found


def _reward(made: Mapping[str, str], right: Mapping[str, str], seconds: float) -> float | None:
    """Mean over the files of both: 0 where one has none, else the likeness of both diffs."""
    both = sorted(made.keys() & right.keys())  # the order of a sum decides its last digit
    alike = [likeness(made[path], right[path], seconds) for path in both]
    known = [each for each in alike if each is not None]
    return sum(known) / len(made.keys() | right.keys()) if len(known) == len(alike) else None
