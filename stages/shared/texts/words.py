"""Words of a text, in scripts with and without spaces between them."""

import re

import regex
from rapidfuzz.distance import LCSseq

_IDEOGRAPH = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_IDEOGRAPH}]|[^\s{_IDEOGRAPH}]+")
# Vowel signs and accents are marks, which `\w` leaves out.
_PLAIN = rf"[{_IDEOGRAPH}]|(?:(?![{_IDEOGRAPH}])[\w\p{{M}}])+"
_PLAIN_WORD = regex.compile(_PLAIN)
_PART = regex.compile(rf"{_PLAIN}|\s+|[^\w\s\p{{M}}]")


_ROUGE = re.compile(r"[a-z0-9]+|[^\W\d_a-z]")


def rouge_words(text: str) -> list[str]:
    """Words as Google's `rouge_score` has them: lower-case runs of a-z and 0-9.

    Letters of other scripts are a word each, where that library sees nothing.
    """
    return _ROUGE.findall(text.lower())


def rouge_l(first: str, second: str) -> float:
    """F1 of the longest common subsequence of words, 0 to 1; two texts without words are 1."""
    one, other = rouge_words(first), rouge_words(second)
    if not one and not other:
        return 1.0
    return 2 * LCSseq.similarity(one, other) / (len(one) + len(other))


def plain_words(text: str) -> list[str]:
    """Runs of letters, digits and their marks; each character of scripts without spaces."""
    return list(_PLAIN_WORD.findall(text))


def parts(text: str) -> list[str]:
    """All of the text in order: plain words, runs of white space, and other characters."""
    return list(_PART.findall(text))


def count_words(text: str) -> int:
    """How many there are; of Chinese, Japanese and Korean each character counts."""
    return len(_WORD.findall(text))


def has_word(text: str, word: str) -> bool:
    """Whether `word`, which may be several, stands in `text` as whole words, whatever their case.

    In scripts without spaces a word has no borders.
    """
    parts = r"\s+".join(map(re.escape, word.split()))
    borders = ("", "") if re.search(f"[{_IDEOGRAPH}]", word) else (r"(?<!\w)", r"(?!\w)")
    return re.search(parts.join(borders), text, re.IGNORECASE) is not None
