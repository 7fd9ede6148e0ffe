"""Reasoning Gym's tasks: made by a program from a number, and scored by one."""

import difflib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from stages.errors import UserError
from stages.shared.checks.child import Child, serve

_INSTALL = "Install it: pip install 'reasoning-gym>=0.1.25,<0.2', or drop the stage."
_CHILD = Child(__name__)


def check_tasks(names: Mapping[str, int]) -> None:
    """Refuse tasks that there are not.

    Raises:
        UserError: the library is not installed, or has no task of a name.
    """
    if find_spec("reasoning_gym") is None:
        raise UserError("there is no reasoning_gym to make tasks with", _INSTALL)
    from reasoning_gym.factory import DATASETS

    for name in names:
        if name not in DATASETS:
            near = difflib.get_close_matches(name, DATASETS, 3) or sorted(DATASETS)
            raise UserError(f"Reasoning Gym has no task '{name}'", f"Nearest: {', '.join(near)}.")


def tasks(name: str, count: int, seed: int) -> Iterator[Mapping[str, Any]]:
    """So many tasks of one kind: `question`, `answer`, and more that scoring needs."""
    from reasoning_gym import create_dataset

    yield from create_dataset(name, size=count, seed=seed)


def score(key: list[Any], answer: str, seconds: float) -> float | None:
    """What an answer is worth, 0 to 1; None if that cannot be said within `seconds`.

    `key`: name, count and seed as for `tasks`, and which of them it is, from 0.
    """
    said = _CHILD.ask([key, answer], seconds)
    return float(said) if isinstance(said, int | float) else None


def _serve() -> None:
    from reasoning_gym import create_dataset

    def scored(question: list[Any]) -> float:
        (name, count, seed, place), answer = question
        made = create_dataset(name, size=count, seed=seed)
        return float(made.score_answer(answer, made[place]))

    serve(scored)


if __name__ == "__main__":
    _serve()
