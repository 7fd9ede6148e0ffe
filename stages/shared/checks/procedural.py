"""Reasoning Gym's tasks: made by a program from a number, and scored by one.

In the sandbox, because scorers of some tasks evaluate the answer as Python. And with one seed for
Python's hashes: what some generators make depends on the order of sets.
"""

import difflib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from stages.errors import UserError
from stages.shared.checks.child import Child, serve
from stages.shared.checks.sandbox import check_sandbox, sandboxed

_INSTALL = "Install it: pip install 'reasoning-gym>=0.1.25,<0.2', or drop the stage."
_CHILD = Child(__name__, sandboxed, {"PYTHONHASHSEED": "0"})
_MAKE_S = 600.0
_NO_TASKS = ("composite",)
"""Names that make nothing by themselves."""


def check_tasks(names: Sequence[str] = ()) -> None:
    """Refuse tasks that there are not.

    Raises:
        UserError: the library or the sandbox is not installed.
        ValueError: there is no task of a name, with the nearest ones.
    """
    if find_spec("reasoning_gym") is None:
        raise UserError("there is no reasoning_gym to make tasks with", _INSTALL)
    check_sandbox()
    if not names:
        return
    from reasoning_gym.factory import DATASETS

    known = [name for name in DATASETS if name not in _NO_TASKS]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3) or sorted(known)
            raise ValueError(f"Reasoning Gym has no task '{name}'; nearest: {', '.join(near)}")


def library() -> str:
    """Its version, which decides what a number makes."""
    return version("reasoning-gym")


def tasks(name: str, count: int, seed: int) -> list[tuple[str, str | None]]:
    """So many tasks of one kind: question and answer, which is None where a scorer alone knows.

    Raises:
        UserError: the library cannot make them.
    """
    made = _CHILD.ask(["make", name, count, seed], _MAKE_S)
    if made is None:
        raise UserError(f"Reasoning Gym makes no {count} tasks '{name}'", "Name another task.")
    return [tuple(each) for each in made]


def score(key: list[Any], answer: str, seconds: float) -> float | None:
    """What an answer is worth, 0 to 1; None if that cannot be said within `seconds`.

    `key`: name, count and seed as for `tasks`, and which of them it is, from 0.
    """
    said = _CHILD.ask(["score", *key, answer], seconds)
    return float(said) if isinstance(said, int | float) else None


def _answering() -> Callable[[list[Any]], Any]:
    from reasoning_gym import create_dataset

    def made(name: str, count: int, seed: int) -> list[tuple[str, str | None]]:
        found = create_dataset(name, size=count, seed=seed)
        return [(e["question"], None if e["answer"] is None else str(e["answer"])) for e in found]

    def scored(name: str, count: int, seed: int, place: int, answer: str) -> float:
        found = create_dataset(name, size=count, seed=seed)
        return float(found.score_answer(answer, found[place]))

    return lambda asked: (made if asked[0] == "make" else scored)(*asked[1:])


if __name__ == "__main__":
    serve(_answering)
