"""Replies that repeat the prompt: what a small model writes when it does not know what to say.

A reply leaks if it shares eight words in a row with the template's own text, row text excepted, or
holds a mark that the template puts around a row's text (`<request>`), one of its holes, or a
control token of a chat template. Of one recipe 11 of 14 rows had such marks.
"""

import re
from functools import cache

from jinja2 import Environment
from jinja2.nodes import TemplateData

from stages.errors import ReplyError

_WORDS = 8
_AROUND = re.compile(r"<([a-z_]{3,20})>\s*\{\{")
_HOLE = re.compile(r"\{\{\s*\w+\s*\}\}")
_CONTROL = re.compile(r"<\|[^|\s]{1,40}\|>|\[/?INST\]|<(?:start|end)_of_turn>")


def refuse_leaks(text: str, template: str) -> None:
    """Refuse a reply's text that repeats the template, whose source is given.

    Raises:
        ReplyError: with what it repeats.
    """
    grams, marks = _own(template)
    for mark in (*marks, *_CONTROL.findall(text)):
        if mark in text:
            raise ReplyError(f"it holds a mark of the prompt: {mark}")
    words = _split(text)
    for start in range(len(words) - _WORDS + 1):
        gram = tuple(words[start : start + _WORDS])
        if gram in grams:
            raise ReplyError(f"it repeats the prompt: {' '.join(gram)}")


@cache
def _own(template: str) -> tuple[frozenset[tuple[str, ...]], tuple[str, ...]]:
    """The template's own runs of words, and its marks."""
    parts = [node.data for node in Environment().parse(template).find_all(TemplateData)]
    grams = set()
    for words in map(_split, parts):
        grams |= {tuple(words[i : i + _WORDS]) for i in range(len(words) - _WORDS + 1)}
    around = (f"<{slash}{name}>" for name in _AROUND.findall(template) for slash in ("", "/"))
    return frozenset(grams), tuple(dict.fromkeys((*around, *_HOLE.findall(template))))


def _split(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
