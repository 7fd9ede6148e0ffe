"""Find stages and engines by their path: no registry, a file is enough.

`judge.quality` is the stage of stages/judge/quality.py; `vllm` is the engine spec of
stages/engines/vllm.py.
"""

import difflib
import importlib
import pkgutil
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

import stages
from stages.base import Stage
from stages.engines.base import EngineSpec
from stages.errors import UserError, first_line

Model = TypeVar("Model", bound=BaseModel)


def stage_path(stage: Stage) -> str:
    """`judge.quality` for a stage of stages/judge/quality.py."""
    return type(stage).__module__.removeprefix("stages.")


_NO_FAMILIES = ("engines", "shared")
"""Folders beside the families of stages."""


def stage_class(path: str) -> type[Stage] | None:
    """The stage at a path as a recipe gives it; None without one."""
    family, _, name = path.partition(".")
    if not name or "." in name or family in _NO_FAMILIES:
        return None
    return class_in(f"stages.{path}", Stage)


def has_module(path: str) -> bool:
    """Whether there is a file for a stage's path, whatever is in it."""
    family, _, name = path.partition(".")
    file = Path(stages.__path__[0]) / family / f"{name}.py"
    return family not in _NO_FAMILIES and name.isidentifier() and file.is_file()


def known_stages() -> list[str]:
    """Paths of all stages there are."""
    families = [m.name for m in pkgutil.iter_modules(stages.__path__) if m.ispkg]
    return [
        f"{family}.{module.name}"
        for family in families
        if family not in _NO_FAMILIES
        for module in pkgutil.iter_modules([str(Path(stages.__path__[0]) / family)])
        if class_in(f"stages.{family}.{module.name}", Stage)
    ]


def known_engines() -> list[str]:
    """Kinds of engine there are."""
    modules = pkgutil.iter_modules([str(Path(stages.__path__[0]) / "engines")])
    return [m.name for m in modules if class_in(f"stages.engines.{m.name}", EngineSpec)]


def class_in(module: str, base: type[Model]) -> type[Model] | None:
    """The one model derived from `base` that is defined in `module`; None without one.

    Raises:
        UserError: the module cannot be imported.
    """
    try:
        members = vars(importlib.import_module(module))
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and module.startswith(missing):
            return None
        path = f"{module.replace('.', '/')}.py"
        cause = f"{path} cannot be imported: {type(error).__name__}: {first_line(error)}"
        raise UserError(cause, f"`python -c 'import {module}'` shows where.") from error
    own = [
        member
        for member in members.values()
        if isinstance(member, type)
        and issubclass(member, base)
        and member is not base
        and member.__module__ == module
    ]
    return next(iter(own), None)


def nearest(name: str, known: list[str]) -> str:
    """A remedy that names the nearest of `known`, or all of them."""
    # Comparing takes the square of the length; no name of ours is longer.
    near = difflib.get_close_matches(name[:100], known, 1, 0.5)
    near = near or [k for k in known if k.rpartition(".")[2] == name.rpartition(".")[2]][:1]
    return f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(known)}."
