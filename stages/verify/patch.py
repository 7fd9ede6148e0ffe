r"""Reward an answer's edits of files by how like the right ones they are (arXiv:2502.18449).

In:  {response: "### a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE",
      paths: ["a.py"], before: ["x = 1\ny = 3\n"], after: ["x = 2\ny = 3\n"]}
Out: {patch_reward: 1.0, patch_error: null}; -1.0 with its reason where nothing can be applied

The mean over all files that either changes: `difflib`'s ratio of both unified diffs (headers left
out, three lines of context), 0 for a file that one of them leaves alone. Edits are blocks as above,
fenced or not, applied in their order; a path that is not there and an empty search make a new file.
Departures from the released code: a search is whole lines (there a line's beginning too), an empty
one in a file that is there is an error (there it fills every line), and thoughts are not asked for.
Null without a response or where nothing was to be changed.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Failed, Fate, Kept, Row, RowStage

_SEARCH, _REPLACE, _END = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"


class Edit(NamedTuple):
    """Lines of a file, and those that take their place."""

    path: str
    search: list[str]
    replace: list[str]


class PatchError(ValueError):
    """Edits that cannot be read or applied."""


class Patch(RowStage):
    """Time goes with the square of a change's length: 3 s where both have 10,000 characters."""

    cites: ClassVar[tuple[str, ...]] = ("swe-rl",)
    needs: ClassVar[tuple[str, ...]] = ("response", "paths", "before", "after")
    adds: ClassVar[Columns] = {"patch_reward": pa.float64(), "patch_error": pa.string()}

    @override
    def decide(self, row: Row) -> Fate:
        lists = [row[name] or () for name in ("paths", "before", "after")]
        if len({len(each) for each in lists}) > 1:
            return Failed("verify.unequal", "paths, before and after are not equally long")
        before, after = ({p: t.splitlines() for p, t in zip(lists[0], each, strict=True)}
                         for each in lists[1:])  # fmt: skip
        right = _diffs(before, after)
        if row["response"] is None or not right:
            return Kept({"patch_reward": None, "patch_error": None})
        try:
            made = _diffs(before, before | _applied(_edits(row["response"]), before))
        except PatchError as error:
            return Kept({"patch_reward": -1.0, "patch_error": str(error)})
        return Kept({"patch_reward": _likeness(made, right), "patch_error": None})


def _edits(text: str) -> list[Edit]:
    """The blocks of an answer, in their order."""
    edits, path, part = list[Edit](), "", ""
    for line in text.splitlines():
        mark = line.rstrip()
        if not part and mark.startswith("### "):
            path = mark.removeprefix("### ").strip().strip("`")
        elif not part and mark == _SEARCH:
            edits.append(Edit(path, [], []))
            part = "search"
        elif part == "search" and mark == _REPLACE:
            part = "replace"
        elif part == "replace" and mark == _END:
            part = ""
        elif part:
            (edits[-1].search if part == "search" else edits[-1].replace).append(line)
    if part:
        raise PatchError(f"the last edit has no line '{_REPLACE if part == 'search' else _END}'")
    if not edits:
        raise PatchError("no edit")
    return edits


def _applied(edits: Sequence[Edit], before: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The files that are edited, as they are afterwards."""
    files: dict[str, list[str]] = {}
    for path, search, replace in edits:
        lines = files[path] if path in files else list(before.get(path, ()))
        if search == replace:
            raise PatchError(f"an edit of '{path}' changes nothing")
        if not search and not lines:
            files[path] = replace
            continue
        changed, place = list[str](), 0
        while place < len(lines):
            found = bool(search) and lines[place : place + len(search)] == search
            changed += replace if found else [lines[place]]
            place += len(search) if found else 1
        if changed == lines:
            raise PatchError(f"what an edit of '{path}' searches for is not there")
        files[path] = changed
    return files


def _diffs(old: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The unified diff of each file that is changed, without its two header lines."""
    found = {}
    for path, lines in new.items():
        diff = list(difflib.unified_diff(old.get(path, ()), lines, lineterm=""))[2:]
        if diff:
            found[path] = "\n".join(diff)
    return found


def _likeness(made: Mapping[str, str], right: Mapping[str, str]) -> float:
    """Mean over the files of both: 0 where one has none, else the ratio of both diffs."""
    paths = made.keys() | right.keys()
    both = sorted(made.keys() & right.keys())  # the order of a sum decides its last digit
    alike = [difflib.SequenceMatcher(None, made[p], right[p], autojunk=False) for p in both]
    return sum(each.ratio() for each in alike) / len(paths)
