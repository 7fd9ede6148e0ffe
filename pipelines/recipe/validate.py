"""What pydantic finds wrong, as one cause and one remedy."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pipelines.recipe.lookup import Model, nearest
from stages.errors import UserError

_SECRET = ("key", "url", "token")
_LISTS = ("tuple_type", "list_type")
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def validate(
    model: type[Model],
    values: Mapping[str, Any],
    where: str,
    context: Mapping[str, Any],
    hidden: tuple[str, ...] = (),
) -> Model:
    """A `model` of `values`; `hidden` names fields that no user can set.

    Raises:
        UserError: with the key at fault, which is found at `where`, and the nearest real one.
    """
    try:
        return model.model_validate(dict(values), context=dict(context))
    except ValidationError as error:
        raise _user_error(error, where, model, hidden) from None


def _user_error(
    error: ValidationError, where: str, model: type[BaseModel], hidden: tuple[str, ...]
) -> UserError:
    # A key that is no setting first: a misspelt one also makes the real one missing.
    first = min(error.errors(), key=lambda e: e["type"] not in _UNKNOWN)
    key = ".".join(str(part) for part in first["loc"])
    at = f"{where}: '{key}'" if key else where
    if first["type"] in _UNKNOWN:
        *path, last = map(str, first["loc"])
        fields = [name for name in _at(model, path).model_fields if name not in hidden]
        return UserError(f"{at} is no setting", nearest(last, fields))
    if first["type"] == "missing":
        return UserError(f"{at} is missing", "Add it to the recipe.")
    said = first["msg"].removeprefix("Value error, ")
    if any(part in str(first["loc"]) for part in _SECRET) or not key:
        return UserError(f"{at}: {said}")  # what was given instead may be the secret
    if first["type"] in _LISTS and isinstance(first["input"], str):
        return UserError(f"{at}: a list is wanted", f"Write [{first['input']}].")
    if first["type"] == "string_type" and isinstance(first["input"], bool):
        remedy = "Put it in quotes: YAML reads yes, no, on and off as true and false."
        return UserError(f"{at}: a text is wanted", remedy)
    return UserError(f"{at}: {said}", f"It was {first['input']!r}.")


def _at(model: type[BaseModel], path: Iterable[str]) -> type[BaseModel]:
    """The model that is found at `path`; names that a user gives stand in it too."""
    for part in path:
        if part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
