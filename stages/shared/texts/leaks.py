"""Replies that repeat the prompt: what a small model writes when it does not know what to say.

A reply leaks if it shares eight words in a row with the template's own text (that of its lists of
examples too, row text excepted), if a line of it begins with a label that stands before a row's
text ("The request:"), or if it holds a mark that the template puts around one (`<request>`), one of
its holes, or a control token of a chat template. Of one recipe 11 of 14 rows had such marks.
"""

import re
from functools import cache

from jinja2 import Environment
from jinja2.nodes import Const, TemplateData

from stages.errors import ReplyError

_WORDS = 8
_AROUND = re.compile(r"<([a-z_]{3,20}(?:>(?=\s*\{\{)|-(?=\{\{ nonce \}\}[^>]*>\s*\{\{)))")
_LABEL = re.compile(r"^([A-Z][a-z' ]{2,40}:)\s*\{\{", re.MULTILINE)
_HOLE = re.compile(r"\{\{\s*\w+\s*\}\}")
_CONTROL = re.compile(r"<\|[^|\s]{1,40}\|>|\[/?INST\]|<(?:start|end)_of_turn>")


def refuse_leaks(text: str, template: str) -> None:
    """Refuse a reply's text that repeats the template, whose source is given.

    Raises:
        ReplyError: with what it repeats.
    """
    grams, marks, labels = _own(template)
    for line in text.splitlines():
        if line.lstrip("#*- ").startswith(labels):
            raise ReplyError(f"a line begins as one of the prompt's: {line[:40]}")
    for mark in (*marks, *_CONTROL.findall(text)):
        if mark in text:
            raise ReplyError(f"it holds a mark of the prompt: {mark}")
    words = _split(text)
    for start in range(len(words) - _WORDS + 1):
        gram = tuple(words[start : start + _WORDS])
        if gram in grams:
            raise ReplyError(f"it repeats the prompt: {' '.join(gram)}")


@cache
def _own(
    template: str,
) -> tuple[frozenset[tuple[str, ...]], tuple[str, ...], tuple[str, ...]]:
    """The template's own runs of words, its marks, and its labels of rows' texts."""
    tree = Environment().parse(template)
    listed = (str(node.value) for node in tree.find_all(Const))
    parts = [*(node.data for node in tree.find_all(TemplateData)), *listed]
    grams = set()
    for words in map(_split, parts):
        grams |= {tuple(words[i : i + _WORDS]) for i in range(len(words) - _WORDS + 1)}
    around = (f"<{slash}{name}" for name in _AROUND.findall(template) for slash in ("", "/"))
    marks = tuple(dict.fromkeys((*around, *_HOLE.findall(template))))
    return frozenset(grams), marks, tuple(_LABEL.findall(template))


def _split(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
