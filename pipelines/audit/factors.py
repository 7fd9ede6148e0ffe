"""What can be counted of an answer and may sway those who judge it.

PROFILE (arXiv:2410.06965) holds factors of two answers against what was preferred, once for models
and once for people: where the two go by different factors, the model judges by something else. Here
are factors that need no model; the paper also asks one for facts, fluency and the like.
"""

import re
from collections.abc import Callable, Mapping

from pipelines.audit.bias import markdown

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def words(text: str) -> list[str]:
    """Words in lower case, in their order."""
    return _WORD.findall(text.casefold())


def repetition(text: str) -> float:
    """The share of words that stood before; 0 of a text without words."""
    found = words(text)
    return 1 - len(set(found)) / len(found) if found else 0.0


def on_request(request: str, text: str) -> float:
    """The share of the request's different words that the answer uses; 0 of an empty request."""
    asked = set(words(request))
    return len(asked & set(words(text))) / len(asked) if asked else 0.0


Factor = Callable[[str, str], float]
"""A number of a request and an answer to it."""
FACTORS: Mapping[str, Factor] = {
    "length": lambda _, text: len(text),
    "markdown": lambda _, text: markdown(text),
    "numbers": lambda _, text: len(_NUMBER.findall(text)),
    "repetition": lambda _, text: repetition(text),
    "words of the request": on_request,
}
