"""Whether two answers are the same in mathematics, by Math-Verify in a process of its own."""

import logging
import re
from collections.abc import Callable

from stages.shared.checks.child import Child, serve
from stages.shared.texts.answers import comparable

_CHILD = Child(__name__)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_FUNCTION = re.compile(r"(?<!\\)\b(sin|cos|tan|log|ln|exp|pi)\b")
_WORD = re.compile(r"[^\W\d_]{2,}")
_DATE = re.compile(r"\d+-\d+-\d+")
_MARKED = re.compile(r"\$([^$]*)\$|\\\((.*)\\\)|\\boxed\{(.*)\}", re.DOTALL)


def same(expected: str, answer: str, seconds: float) -> bool | None:
    """Whether `answer` is `expected`: 0.5 and 1/2 are, 2x+1 and 1+2x, {1,2} and {2,1}.

    Words and dates are compared as they are written: as mathematics the letters of "listen" would
    be factors, and those of "silent" the same ones. None if it cannot be said within `seconds`.
    """
    pair = [_bare(text) for text in (expected, answer)]
    if comparable(pair[0]) == comparable(pair[1]):
        return True
    if any(_is_text(text) for text in pair):
        return False
    said = _CHILD.ask(pair, seconds)
    return said if isinstance(said, bool) else None


def _bare(text: str) -> str:
    """Without what marks it as mathematics and signs of dollars; functions as LaTeX has them."""
    text = text.strip()
    if marked := _MARKED.fullmatch(text):
        text = next(part for part in marked.groups() if part is not None)
    text = text.replace("\\$", "").replace("$", "").strip()
    return _FUNCTION.sub(r"\\\1", text)


def _is_text(text: str) -> bool:
    return bool(_WORD.search(_COMMAND.sub(" ", text)) or _DATE.search(text))


def _compare() -> Callable[[list[str]], bool]:
    logging.disable()  # it warns that there is no time limit, for each pair
    from math_verify import parse, verify

    def compare(pair: list[str]) -> bool:
        gold, said = (parse(f"${text}$", parsing_timeout=None) for text in pair)
        return bool(gold) and bool(said) and bool(verify(gold, said, timeout_seconds=None))

    compare(["1/2", "0.5"])  # the first comparison imports more than all later ones take
    return compare


if __name__ == "__main__":
    serve(_compare)
