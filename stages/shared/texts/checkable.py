"""Constraints on a text that a program can check, in the manner of IFEval (arXiv:2311.07911).

A constraint is written `kind:argument`, such as `at_most_words:40`. Words are runs of what is not
white space, a bullet is a line that begins with `-`, `*` or `•`, a blank line parts paragraphs.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stages.shared.texts.words import has_word
from stages.shared.unicode import parse_json

_NOUNS = ("river", "bread", "winter", "bicycle", "garden", "window", "music", "market")
_ENDS = ("Is there anything else?", "That is all.", "I hope this helps.")


@dataclass(frozen=True, slots=True)
class Kind:
    """`says` is the sentence for a request, with `{}` for the argument, one of `arguments`."""

    says: str
    arguments: tuple[str, ...]
    holds: Callable[[str, str], bool]


def _bullets(text: str) -> int:
    return sum(1 for line in text.splitlines() if re.match(r"\s*[-*•]\s+\S", line))


def _paragraphs(text: str) -> int:
    return len([part for part in re.split(r"\n\s*\n", text) if part.strip()])


def _is_json(text: str) -> bool:
    try:
        return isinstance(parse_json(text.strip()), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_titled(text: str) -> bool:
    """Whether it has a title, and an answer besides."""
    rest, titles = re.subn(r"<<[^<>\n]*\w[^<>\n]*>>", "", text)
    return titles > 0 and any(map(str.isalpha, rest))


KINDS: Mapping[str, Kind] = {
    "at_least_words": Kind(
        "Use at least {} words.", ("60", "90", "120"), lambda t, n: len(t.split()) >= int(n)
    ),
    "at_most_words": Kind(
        "Use at most {} words.", ("15", "25", "40"), lambda t, n: len(t.split()) <= int(n)
    ),
    "bullets": Kind(
        "Answer with exactly {} bullet points, each on a line that begins with - or *.",
        ("3", "4", "5"), lambda t, n: _bullets(t) == int(n),
    ),
    "paragraphs": Kind(
        "Write exactly {} paragraphs with a blank line between them.",
        ("2", "3"), lambda t, n: _paragraphs(t) == int(n),
    ),
    "no_comma": Kind("Do not use any commas.", ("",), lambda t, _: "," not in t),
    "lower_case": Kind("Write in small letters only.", ("",), lambda t, _: t == t.lower()),
    "with_word": Kind("Use the word \"{}\" in your answer.", _NOUNS, has_word),
    "without_word": Kind(
        "Do not use the word \"{}\".", ("the", "is", "and"), lambda t, w: not has_word(t, w)
    ),
    "ends_with": Kind(
        "End your answer with exactly these words: {}", _ENDS,
        lambda t, end: t.rstrip().endswith(end),
    ),
    "quoted": Kind(
        "Put your whole answer in double quotation marks.", ("",),
        lambda t, _: re.fullmatch(r'"[^"]+"', t.strip()) is not None,
    ),
    "titled": Kind(
        "Give your answer a title in double angular brackets, such as <<a title>>.", ("",),
        lambda t, _: _is_titled(t),
    ),
    "json": Kind("Write your whole answer as JSON.", ("",), lambda t, _: _is_json(t)),
}  # fmt: skip


def draw(chance: random.Random) -> tuple[str, str]:
    """(the constraint, its sentence): each kind as likely as the others."""
    name = chance.choice(sorted(KINDS))
    argument = chance.choice(KINDS[name].arguments)
    return f"{name}:{argument}", KINDS[name].says.format(argument)


def holds(constraint: str, text: str) -> bool:
    """Whether the text keeps the constraint; an empty text keeps none.

    Raises:
        ValueError: there is no such constraint.
    """
    name, _, argument = constraint.partition(":")
    if name not in KINDS:
        raise ValueError(f"no constraint '{constraint}'")
    return bool(text.strip()) and KINDS[name].holds(text, argument)
