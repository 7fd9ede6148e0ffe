"""What pydantic finds wrong, as one cause and one remedy."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pipelines.recipe.lookup import Model, nearest
from stages.errors import UserError

_SECRET = ("key", "url", "token")
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
        fields = [name for name in model.model_fields if name not in hidden]
        raise _user_error(error, where, fields) from None


def _user_error(error: ValidationError, where: str, fields: list[str]) -> UserError:
    # A key that is no setting first: a misspelt one also makes the real one missing.
    first = min(error.errors(), key=lambda e: e["type"] not in _UNKNOWN)
    key = ".".join(str(part) for part in first["loc"])
    at = f"{where}: '{key}'" if key else where
    if first["type"] in _UNKNOWN:
        return UserError(f"{at} is no setting", nearest(key, fields))
    if first["type"] == "missing":
        return UserError(f"{at} is missing", "Add it to the recipe.")
    if any(part in str(first["loc"]) for part in _SECRET) or not key:
        return UserError(f"{at}: {first['msg']}")  # what was given instead may be the secret
    return UserError(f"{at}: {first['msg']}", f"It was {first['input']!r}.")
