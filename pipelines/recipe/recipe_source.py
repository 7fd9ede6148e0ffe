"""The YAML of a recipe before it has types: reading, `--set`, `repeat:` blocks."""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from pipelines.recipe.lookup import nearest
from stages.errors import UserError
from stages.shared.unicode import storable

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""Of a step, a chain or a column."""

POOL = "pool"
"""What a stage in a round calls all the rows that there are when the round begins."""


def read(path: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """The mapping in the YAML file `path`, with `dotted.key=value` overrides.

    Raises:
        UserError: no such file, no YAML, no mapping, or an override that fits nowhere.
    """
    source = _read(path)
    for override in overrides:
        _override(source, override)
    return source


def require(source: Mapping[str, Any]) -> None:
    """Refuse a recipe without a name, engines or stages, or with text that no file takes.

    Raises:
        UserError: with the key that is missing or of another kind.
    """
    _check_text(source, "the recipe")
    kinds = {"name": str, "engines": dict, "stages": list}
    for key, kind in kinds.items():
        if not isinstance(source.get(key), kind) or not source[key]:
            what = {"name": "a short text", "engines": "a mapping", "stages": "a list"}[key]
            near = difflib.get_close_matches(key, [str(k) for k in source if k not in kinds], 1)
            remedy = f"Is '{near[0]}' meant to be '{key}'?" if near else f"Add {what}."
            raise UserError(f"the recipe has no usable '{key}'", remedy)


def chains(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """The recipe's chains by name; none where it has no `chains`.

    Raises:
        UserError: they are no mapping, or one has a name that no chain can have.
    """
    found = source.get("chains") or {}
    if not isinstance(found, dict):
        raise UserError("`chains` is no mapping", "Write {name: [{use: family.stage, …}, …], …}.")
    for name in found:
        if not isinstance(name, str) or name == POOL or not NAME.fullmatch(name):
            remedy = "Give it another name, of letters, digits and underscores, a letter first."
            raise UserError(f"no chain can be called {name!r}", remedy)
    return found


def _check_text(node: Any, where: str) -> None:
    if isinstance(node, str):
        if storable(node) != node:
            cause = f"{where} has half of a character (a lone surrogate) in its text"
            raise UserError(cause, "Write the whole character, or leave it out.")
        return
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, Mapping):
        inner = node.items()
    elif isinstance(node, list | tuple):
        inner = enumerate(node)
    for key, value in inner:
        _check_text(key, where)
        _check_text(value, f"{where}: '{key}'")


def unroll(entries: Any, where: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Stages and `rounds:` blocks one after the other, `repeat:` blocks written out."""
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{where} is no list of stages", "Write it as [{use: family.stage, …}, …].")
    for position, entry in enumerate(entries):
        here = f"{where}[{position}]"
        if isinstance(entry, dict) and "repeat" in entry:
            yield from _repeated(entry, here)
        elif isinstance(entry, dict) and ("rounds" in entry or isinstance(entry.get("use"), str)):
            yield here, entry
        else:
            raise UserError(f"{here} is no stage", "Write it as {use: family.stage, …}.")


def _repeated(entry: Mapping[str, Any], here: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    times, block = entry["repeat"], entry.get("stages")
    if set(entry) != {"repeat", "stages"} or not isinstance(block, list):
        raise UserError(f"{here} is no repeat block", "Write {repeat: 2, stages: […]}.")
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= 100:
        raise UserError(f"{here}: `repeat` is {times!r}", "It must be a number from 1 to 100.")
    for _ in range(times):
        yield from unroll(block, f"{here}.stages")


class _Loader(yaml.SafeLoader):
    """PyYAML's own reading of dates, even if a library has changed it for the process.

    lm-format-enforcer, which vLLM imports, makes texts of them: 2024-02-31 would be no mistake.
    """

    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        **yaml.SafeLoader.yaml_constructors,
        "tag:yaml.org,2002:timestamp": yaml.constructor.SafeConstructor.construct_yaml_timestamp,
    }


def _load(text: str) -> Any:
    return yaml.load(text, _Loader)


def _read(path: Path) -> dict[str, Any]:
    try:
        source = _load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = sorted(str(p) for p in Path("configs").rglob("*.yaml"))
        near = difflib.get_close_matches(str(path), known, 1, 0.4)
        remedy = f"Did you mean {near[0]}?" if near else "Give the path of a recipe's YAML file."
        raise UserError(f"there is no recipe {path}", remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the recipe {path} cannot be read ({error})") from None
    except (yaml.YAMLError, ValueError) as error:
        cause = f"{path} is not YAML ({' '.join(str(error).split())})"
        remedy = "Fix the file at that line; within braces quote texts with ?, : or a comma."
        raise UserError(cause, remedy) from None
    if not isinstance(source, dict):
        raise UserError(f"{path} is not a recipe", "It must be a mapping with `name`, `stages` …")
    return source


_MAY_BE_LEFT_OUT = ("limits", "placement", "prices", "budget")
"""Sections that --set makes where there are none; wrong names in them are found by their types."""


def _override(source: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override} is not of the form dotted.key=value")
    *path, last = key.split(".")
    target: Any = source
    for part in path:
        target = _child(target, part, key)
    try:
        value = _load(text)
    except (yaml.YAMLError, ValueError):
        raise UserError(f"--set {key}: the value {text!r} is not YAML") from None
    if isinstance(target, list):
        target[_position(target, last, key)] = value
    elif isinstance(target, dict):
        target[last] = value
    else:
        raise UserError(f"--set {key}: there is no mapping at '{'.'.join(path)}'")


def _child(target: Any, part: str, key: str) -> Any:
    if isinstance(target, list):
        return target[_position(target, part, key)]
    if isinstance(target, dict) and part in target:
        return target[part]
    if isinstance(target, dict) and key.partition(".")[0] in _MAY_BE_LEFT_OUT:
        return target.setdefault(part, {})
    known = list(map(str, target)) if isinstance(target, dict) else []
    raise UserError(f"--set {key}: the recipe has no '{part}'", nearest(part, known))


def _position(entries: list[Any], part: str, key: str) -> int:
    """`part` is a position from 0, a stage's `as`, or the `use` of the only one with that path."""
    if part.isdigit() and int(part) < len(entries):
        return int(part)
    uses = [e.get("use", "") if isinstance(e, dict) else "" for e in entries]
    named = [i for i, e in enumerate(entries) if isinstance(e, dict) and e.get("as") == part]
    if len(named) == 1:
        return named[0]
    # Dots separate keys, so a stage is named by its last part: `stages.magpie.rows=8`.
    found = [i for i, use in enumerate(uses) if str(use).rpartition(".")[2] == part]
    if len(found) == 1:
        return found[0]
    cause = "names several stages" if found else "names no stage"
    remedy = f"Use a position from 0 to {len(entries) - 1}, a stage's `as`, or its last name."
    raise UserError(f"--set {key}: '{part}' {cause}", remedy)
