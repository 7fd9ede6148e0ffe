"""docs/recipe.md, made of the models that read recipes: every key, its type, default and meaning.

python -m tests.support.recipe_page      writes the page; a test compares it
"""

import ast
import inspect
import itertools
import textwrap
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

from pipelines.recipe import entries, money, parse
from pipelines.recipe.lookup import class_in, known_engines, known_stages, stage_class
from stages.base import MultiCallStage, Stage
from stages.engines.base import EngineSpec

PAGE = Path(__file__).parents[2] / "docs/recipe.md"
HEAD = """# Every key of a recipe

A recipe is a YAML file with the keys below. `bowerbird plan RECIPE` checks all of it and loads nothing; a key that is misspelt is answered with the nearest real one. `--set key=value` overrides any of them by its dotted path.

This page is made of the models that read recipes, and a test compares them.
"""  # noqa: E501
ENTRY = """## A stage in `stages`

| key | |
|---|---|
| `use` | the stage's path: `judge.quality` is `stages/judge/quality.py` |
| `as` | what the step and its view in SQL are called; default: the path with `_` for the dot |
| `columns` | the recipe's names of the stage's own columns: `columns: {response: draft}` |
| its settings | below, by stage |

In place of a stage may stand a block that is gone through a number of times, each time on what came of it before: `{repeat: 2, stages: [...]}`.
"""  # noqa: E501
CHAINS = """## `chains: {NAME: [...]}`

A chain is a list of stages as `stages` is one, which another stage reads: `{use: mix.concat, of: [plain, hot]}` takes the rows of several chains together, `{use: decontaminate.neighbours, against: [held_out]}` holds its own rows against those of a chain. [configs/guides/mixture.yaml](../configs/guides/mixture.yaml) and [decontaminated.yaml](../configs/guides/decontaminated.yaml) show both. The steps of a chain bear its name, `hot_generate_magpie`, and their rows are those that the same list would give in a recipe of its own: the store has them once.
"""  # noqa: E501
ROUNDS = """## `{rounds: 8, until: {accepted: 20}, stages: [...]}`

In place of a stage: each round makes other rows, and what comes out of it joins the pool, until enough has come ([configs/guides/until_accepted.yaml](../configs/guides/until_accepted.yaml)). `against: [pool]` holds a round's rows against all that there are. A later round waits for the one before; those that are not needed ask nothing and stand in no record. Raising `accepted` or `rounds` keeps the rounds there are; what stands behind the block is computed again.
"""  # noqa: E501


@cache
def _source(model):
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    return tree


def _declared(model, name):
    """The line that declares a field, and the string that follows it."""
    for owner in model.__mro__:
        if not owner.__module__.startswith(("stages", "pipelines")):
            continue
        body = _source(owner).body
        for here, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(here, ast.AnnAssign) and here.target.id == name:
                said = after.value if isinstance(after, ast.Expr) else None
                return here, said.value if isinstance(said, ast.Constant) else ""
    raise LookupError(name)


def _names(model):
    if is_dataclass(model):
        return [field.name for field in fields(model)]
    return list(model.model_fields)


def _default(line):
    value = line.value
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Field":
        value = value.args[0] if value.args else None
    text = ast.unparse(value) if value is not None else ""
    empty = text in ("", "...", "None", "''", "{}", "()") or text.endswith("()")
    return "" if empty else f"`{text}`"


_WORDS = {"str": "text", "int": "integer", "float": "number", "bool": "yes or no", "Any": "any",
          "JsonValue": "any",
          "RelativePath": "path", "OnParseError": "retry, drop, null or fail", "None": "nothing",
          "Entry": "stage", "Rounds": "rounds", "Until": "mapping", "EngineSpec": "engine",
          "Limits": "mapping", "Budget": "mapping", "Placement": "mapping",
          "EnginePlacement": "placement", "Price": "price",
          "Kind": "text, number, integer, boolean, texts, numbers or messages"}  # fmt: skip
_BOUNDS = {
    "ge": "at least",
    "gt": "above",
    "le": "at most",
    "lt": "below",
    "min_length": "not empty",
}


def _kind(node):
    """An annotation in words."""
    match node:
        case ast.BinOp(left, ast.BitOr(), right):
            return " or ".join(k for k in (_kind(left), _kind(right)) if k != "nothing")
        case ast.Subscript(ast.Name("Annotated"), ast.Tuple([first, *_])):
            return _kind(first)
        case ast.Subscript(ast.Name("Literal"), inside):
            values = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            return " or ".join(f"`{value.value}`" for value in values)
        case ast.Subscript(ast.Name("Mapping" | "dict"), ast.Tuple([key, value])):
            return f"mapping of {_kind(key)} to {_kind(value)}"
        case ast.Subscript(ast.Name("tuple" | "Sequence" | "list"), inside):
            first = inside.elts[0] if isinstance(inside, ast.Tuple) else inside
            return f"list of {_kind(first)}"
        case ast.Subscript(ast.Name(name), _):
            return name
        case _:
            text = ast.unparse(node)
            return _WORDS.get(text, f"`{text}`")


def _bounds(line):
    """What `Field(…)` or `Ge(…)` say of a number."""
    found = []
    for node in ast.walk(line):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Field":
            for keyword in node.keywords:
                if keyword.arg == "min_length":
                    found.append("not empty")
                elif keyword.arg in _BOUNDS:
                    found.append(f"{_BOUNDS[keyword.arg]} {ast.unparse(keyword.value)}")
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Ge":
            found.append(f"at least {ast.unparse(node.args[0])}")
    return f" ({', '.join(found)})" if found else ""


def table(model, *without):
    """A line per field."""
    lines = ["| key | type | default | |", "|---|---|---|---|"]
    for name in _names(model):
        if name in without:
            continue
        line, said = _declared(model, name)
        kind = _kind(line.annotation) + _bounds(line)
        meaning = " ".join(said.split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {kind} | {_default(line)} | {meaning} |")
    return "\n".join(lines) if len(lines) > 2 else "No settings of its own."


def _first(model):
    return inspect.getmodule(model).__doc__.strip().splitlines()[0]


def _in_and_out(model):
    """What a row is before and after, as the stage's file says it."""
    lines = inspect.getmodule(model).__doc__.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("In:"))
    found = itertools.takewhile(str.strip, lines[start:])
    return "\n".join(["```text", *found, "```"])


def page():
    """The page's text."""
    parts = [HEAD, "## The recipe", table(parse.Recipe, "source")]
    for key, model in (
        ("limits", parse.Limits), ("budget", money.Budget), ("prices: {ENGINE: …}", money.Price),
        ("placement", parse.Placement), ("placement.engines: {ENGINE: …}", parse.EnginePlacement),
    ):  # fmt: skip
        parts += [f"## `{key}`", table(model)]
    parts += ["## `engines: {NAME: …}`"]
    for kind in known_engines():
        model = class_in(f"stages.engines.{kind}", EngineSpec)
        parts += [f"### `kind: {kind}`", _first(model), table(model, "kind")]
    parts += [CHAINS, ROUNDS, table(entries.RoundsBlock)]
    parts += ["### `until`", table(entries.Until)]
    parts += [ENTRY, "Of every stage that asks a model:", table(MultiCallStage)]
    for path in known_stages():
        model = stage_class(path)
        settings = table(model, *_common(model))
        parts += [f"### `use: {path}`", _first(model), _in_and_out(model), settings]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _common(model):
    """Settings that every stage of its kind has, unless it gives them another default."""
    if not issubclass(model, MultiCallStage):
        return list(Stage.model_fields)
    own = vars(model).get("__annotations__", {})
    return [name for name in MultiCallStage.model_fields if name not in own]


if __name__ == "__main__":
    PAGE.write_text(page())
