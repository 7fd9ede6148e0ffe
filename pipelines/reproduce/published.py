"""What can be computed again, by name."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipelines.recipe.lookup import nearest
from pipelines.reproduce import alpaca_eval, answers, pairs, samplers
from pipelines.reproduce.figure import Reproduced
from stages.errors import UserError

PUBLISHED: Mapping[str, Callable[[Path | None], Iterator[Reproduced]]] = {
    "alpaca-eval": alpaca_eval.win_rates,
    "alpaca-eval-lc": alpaca_eval.length_controlled,
    "fastchat": pairs.fastchat,
    "gsm8k": answers.gsm8k,
    "magpie-pairs": pairs.magpie,
    "null-model": samplers.null_model,
    "rouge": pairs.rouge,
    "skillmix": samplers.skillmix,
}


def reproduce(name: str, data: Path | None) -> list[Reproduced]:
    """The published figures of `name` beside ours.

    Raises:
        UserError: there is no such name, or its files are not there.
    """
    if name not in PUBLISHED:
        raise UserError(f"nothing is known as '{name}'", nearest(name, list(PUBLISHED)))
    try:
        found = list(PUBLISHED[name](data))
    except (KeyError, IndexError, ValueError, TypeError) as error:
        cause = f"the files of {name} have another form ({type(error).__name__}: {error})"
        raise UserError(cause, "`bowerbird reproduce --help` says where they come from.") from None
    if not found:
        remedy = "Give files that name what is published."
        raise UserError(f"nothing in the files of {name} is published", remedy)
    return found
