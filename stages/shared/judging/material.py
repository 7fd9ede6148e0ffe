"""Row text as a judge is shown it: it can neither end its own block nor open a turn of the chat.

A template puts `nonce` into the names of its tags, `<answer-{{ nonce }}>`. It is a hash that occurs
in none of the texts that are shown, so none of them holds a tag of its own prompt, whatever its
writer knows. It is made of the request alone: calls about other answers to it, and about the same
answers in another order, share their prefix. It is written in syllables: a tokenizer takes two
of them for two tokens, and eight hexadecimal digits for seven, in each of four tags; a text of 400
characters holds those of its request in 2 cases of 1,000, and then there are three. Control tokens
of chat templates are split by a space (`< |im_end|>`), because engines read them as tokens wherever
they stand.
"""

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence

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
_SYLLABLES = tuple(map("".join, itertools.product("bdfghjklmnprstvz", "aeiou")))


Text = str | Sequence[tuple[str, str | None]] | None
"""A text of a row, or several, each with what it is called."""
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
    return [(name, None if text is None else split_control(text)) for name, text in given]


def flat(given: Text) -> list[str]:
    """The texts that there are in it."""
    if given is None or isinstance(given, str):
        return [given or ""]
    return [text or "" for _, text in given]


def nonce(texts: Sequence[str]) -> str:
    """Two syllables that none of `texts` spells, made of the first; more where one does.

    Whatever stands between the letters: spaces, hyphens, accents, characters that are not seen.
    """
    plain = unicodedata.normalize("NFKD", "\0".join(texts)).lower()
    held = re.sub(r"[^a-z\0]", "", plain)
    tried = (_syllables(texts[0], count) for count in itertools.count(2))
    return next(found for found in tried if found not in held)


def _syllables(text: str, count: int) -> str:
    digest = hashlib.sha256(f"{count}\0{text}".encode("utf-8", "replace")).digest()
    return "".join(_SYLLABLES[byte % len(_SYLLABLES)] for byte in digest[:count])


def split_control(text: str) -> str:
    """`text` with a space within each control token of a chat template."""
    return _CONTROL.sub(lambda match: f"{match[0]} ", text)
