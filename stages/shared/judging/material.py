"""Row text as a judge is shown it: it can neither end its own block nor open a turn of the chat.

A template puts `nonce` into the names of its tags, `<answer-{{ nonce }}>`: letters that none of the
texts that are shown spells, so that none holds a tag of its own prompt, whatever its writer knows.
They are made of the request alone: calls about other answers to it, and about the same answers in
another order, share their prefix (of 10,000 answers of 400 characters one spells them). Three
consonants are two tokens, where eight hexadecimal digits are seven in each of four tags, and no
words. Control tokens of chat templates are split by a space (`< |im_end|>`), because engines read
them as tokens wherever they stand.
"""

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

_NAME = r"[^\s<>＜＞|｜]{1,60}"
_CONTROL = re.compile(
    # <|im_end|>, <|turn>, <turn|>, and the same with full-width signs
    rf"[<＜](?=[|｜]{_NAME}[|｜]?[>＞]|{_NAME}[|｜][>＞])"
    # tokens without a bar, of the families that have them
    r"|[<＜](?=/?(?:s|bos|eos|pad|unk|sop|eop|eoh|eoa|think|tool_call|tool_response|"
    r"(?:start|end)_of_(?:turn|image|utterance)|(?:start|end)_function_\w+|fim_\w+|extra_id_\d+|"
    r"reserved_\d+|SPECIAL_\d+|seed:\w+|[BE]OS_TOKEN)[>＞])"
    r"|<(?=</?SYS>>)"
    # [INST], [/INST], [THINK], [EOS], [|user|]
    r"|\[(?=/?[A-Z_]{3,20}(?:_\d+)?\]|gMASK\]|\|[a-z_]{1,20}\|\])"
    # ]~b], [e~[
    r"|\](?=~[a-z]+\])|\[(?=[a-z]~\[)"
)
_LETTERS = "bdfgjpqvwxz"
"""Those that words have few of."""


Text = str | Sequence[str | None] | Sequence[tuple[str, str | None]] | None
"""A text of a row, or several, maybe each with what it is called."""
Shown = Mapping[str, Text]
"""A row's texts by their names in the template."""


def shown(texts: Shown) -> dict[str, object]:
    """`texts` with their control tokens split, and a `nonce` made of the first; nulls stay null."""
    return {
        **{name: _split(text) for name, text in texts.items()},
        "nonce": nonce([text for given in texts.values() for text in flat(given)]),
    }


def _split(given: Text) -> object:
    if given is None or isinstance(given, str):
        return None if given is None else split_control(given)
    return [
        (each[0], _split(each[1])) if isinstance(each, tuple) else _split(each) for each in given
    ]


def flat(given: Text) -> list[str]:
    """The texts that there are in it."""
    if given is None or isinstance(given, str):
        return [given or ""]
    return [(each[1] if isinstance(each, tuple) else each) or "" for each in given]


def nonce(texts: Sequence[str]) -> str:
    """Three consonants that none of `texts` spells, made of the first; more where one does."""
    held = "\0".join(map(_spelt, texts))
    first = texts[0] if texts else ""
    tried = (_consonants(first, count) for count in itertools.count(3))
    return next(found for found in tried if found not in held)


def _consonants(text: str, count: int) -> str:
    digest = hashlib.sha256(f"{count}\0{text}".encode("utf-8", "replace")).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:count])


def _spelt(text: str) -> str:
    """Its Latin letters in lower case, whatever stands between them and is seen or not."""
    # Letter by letter: of a text that is all combining marks NFKD takes the square of its length.
    return text.translate({ord(char): _latin(char) for char in set(text)})


@cache
def _latin(char: str) -> str:
    return re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", char).lower())


def split_control(text: str) -> str:
    """`text` with a space within each control token of a chat template."""
    return _CONTROL.sub(lambda match: f"{match[0]} ", text)
