"""The language of a text, by py3langid: 97 languages, no download. On short texts it guesses."""

from functools import cache
from typing import Any


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def odds_against(text: str, languages: tuple[str, ...]) -> float:
    """How many times likelier than the likeliest of `languages` (ISO 639-1) another one is."""
    ranked = dict(_identifier().rank(text))
    best = max((float(ranked.get(code, 0.0)) for code in languages), default=0.0)
    return max(map(float, ranked.values())) / best if best else float("inf")


def likeliest_language(text: str) -> str:
    """The likeliest language of a text, in ISO 639-1."""
    return str(_identifier().classify(text)[0])
