"""Whether a stage fits in its place: its columns, its engines, what it starts from."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipelines.plan.steps import IDENTITY
from pipelines.recipe.lookup import nearest
from pipelines.recipe.recipe_source import NAME
from pipelines.recipe.renaming import SEED, Renaming
from stages.base import Columns, MultiCallStage, SetStage, Stage
from stages.engines.base import EngineSpec
from stages.errors import UserError
from stages.shared.conversation import MESSAGES

_TEXTS = ("instruction", "response", "chosen", "rejected")
"""What SQL, cards and exports take for text by its name."""

_FINISH = "finish_reason"
_MESSAGES = "messages"
"""The conversation that a dataset has beside its columns."""


def starts(stage: Stage) -> bool:
    """Whether it makes or reads the first rows: a fact of its class; a seed file is read later."""
    return type(stage).initial_rows is not Stage.initial_rows


def check_place(name: str, stage: Stage, before: tuple[str, ...], *, opens: bool) -> None:
    """Refuse a stage without rows to work on, and one that makes its own behind others.

    `before`: the steps whose rows come to it; `opens`: whether it is the first of a round.
    """
    begins = starts(stage) or bool(stage.joins)
    if not before and not begins:
        remedy = "Begin with a stage that makes or reads rows, such as generate.magpie."
        raise UserError(f"{name} comes first but needs rows to work on", remedy)
    if before and begins:
        remedy = "Make it the first stage, or put it into a chain of its own (`chains:`)."
        raise UserError(f"{name} starts a dataset but comes after {before[-1]}", remedy)
    if opens and stage.joins:
        cause = f"{name} opens a round, and brings the same rows each time"
        raise UserError(cause, "Join the chains before the rounds, or let a source open them.")
    if before and opens and not (isinstance(stage, SetStage) and stage.derives):
        cause = f"{name} opens a round, and the rows of the pool would go on as its own"
        raise UserError(cause, "Begin a round with a source, or a stage that draws from the pool.")


def check_groups(name: str, before: Sequence[Stage]) -> None:
    """Refuse a stage that decides siblings where no row can have any: each would stand alone."""
    if not any(stage.derives or stage.joins for stage in before):
        cause = (
            f"{name} decides rows of one parent together, and no stage before makes several of one"
        )
        remedy = "Ask for several (`samples: 3`); a file holds them as lists of a row, from which "
        remedy += "`mix.scatter` makes rows, or as columns (`mix.unpivot`)."
        raise UserError(cause, remedy)


def check_nulls(name: str, stage: Stage) -> None:
    """Refuse a null in place of the rows that a stage makes."""
    if isinstance(stage, MultiCallStage) and stage.derives and stage.on_parse_error == "null":
        cause = f"{name} makes new rows of replies, and a null is none"
        raise UserError(cause, "Let `on_parse_error` be retry, drop or fail.")


def columns(name: str, stage: Renaming, before: Columns) -> Columns:
    """The columns after the stage, given those before it."""
    if isinstance(stage.stage, SetStage) and SEED in stage.stage.needs:
        raise UserError(f"{name} needs a column '{SEED}', which is no column", "Name another one.")
    for column in (*stage.needs, *stage.removes):
        if column not in before:
            remedy = _where_from(column, [c for c in before if c not in IDENTITY])
            raise UserError(f"{name} needs a column '{column}' that no earlier stage adds", remedy)
    _check_names(name, stage, before)
    kept = {c: kind for c, kind in before.items() if c not in stage.removes}
    return kept | dict(stage.adds)


def _where_from(column: str, known: list[str]) -> str:
    """How a column that is not there may come about."""
    if not known:
        return "No earlier stage adds columns."
    if column.endswith(_FINISH) and not any(name.endswith(_FINISH) for name in known):
        told = f"`gives: {{…, {column}: finish_reason}}`"
        return f"The stage that writes the text gives it; generate.from_prompt by {told}."
    return nearest(column, known)


def _check_names(name: str, stage: Renaming, before: Columns) -> None:
    """A column is rewritten by a stage that reads and writes it, and by no other."""
    # In SQL names that differ in case are one.
    taken = {column.lower() for column in before}
    for own, kind in stage.stage.adds.items():
        column = stage.names[own]
        remedy = f"Give the stage's column another name: columns: {{{own}: …}}."
        rewritten = own in stage.stage.needs and column in before
        if not NAME.fullmatch(column) or (column.lower() == _MESSAGES and kind != MESSAGES):
            raise UserError(f"{name}: no column of its kind can be called '{column}'", remedy)
        if column in (*IDENTITY, SEED) or (column.lower() in taken and not rewritten):
            raise UserError(f"{name} would overwrite the column '{column}'", remedy)
        if column in _TEXTS and kind != pa.string():
            raise UserError(f"{name} calls a column '{column}' that is no text", remedy)
    written = [column.lower() for column in stage.adds]
    if len(set(written)) < len(stage.stage.adds):
        raise UserError(f"{name} writes two columns of one name", "Change its `columns`.")
    for own, column in stage.given.items():
        if column.lower() in (*IDENTITY, SEED, _MESSAGES):
            cause = f"{name}: no stage's column can be called '{column}'"
            raise UserError(cause, f"Give '{own}' another name: every dataset has one of this.")


def engines(name: str, stage: Stage, known: Mapping[str, EngineSpec]) -> Mapping[str, EngineSpec]:
    """Those that the stage asks, in its order."""
    if not isinstance(stage, MultiCallStage):
        return {}
    asked = stage.engines
    for each in asked:
        if each not in known:
            remedy = nearest(each, list(known))
            raise UserError(f"{name}: the recipe has no engine '{each}'", remedy)
        if asked.count(each) > 1:
            raise UserError(f"{name} names the engine '{each}' twice", "Name each once.")
        lacking = sorted(stage.requires - known[each].provides)
        if lacking:
            cause = f"{name} wants {' and '.join(lacking)}, which engine '{each}' of kind"
            raise UserError(f"{cause} '{known[each].kind}' cannot give", _remedy(lacking))
    return {each: known[each] for each in asked}


def _remedy(lacking: Sequence[str]) -> str:
    if "user_turn" in lacking:
        return "Give the stage `pre_query` or `family`, or use an engine of kind 'vllm'."
    return "Name another engine of the recipe in the stage's `engine`."
