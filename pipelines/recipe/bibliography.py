"""The works that stages and recipes follow, for the cards of datasets."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from pipelines.recipe.lookup import nearest
from stages.errors import UserError


@cache
def bibliography() -> Mapping[str, str]:
    """BibTeX entries by their keys."""
    text = (Path(__file__).parent / "methods.bib").read_text(encoding="utf-8")
    entries = (entry.strip() for entry in re.split(r"\n(?=@)", text))
    return {re.findall(r"@\w+\{([^,]+),", entry)[0]: entry for entry in entries}


def check(keys: Iterable[str]) -> None:
    """Refuse a key that is not there.

    Raises:
        UserError: with the nearest one that is.
    """
    for key in keys:
        if key not in bibliography():
            cause = f"cites: there is no work '{key}' in pipelines/recipe/methods.bib"
            raise UserError(cause, nearest(key, list(bibliography())))
